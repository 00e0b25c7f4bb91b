#include "graft/regex/parser.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/regex/classes.h"
#include "graft/unicode/unicode.h"

namespace graft::regex {
namespace {

using unicode::CodePointSet;

constexpr size_t kMaxPatternBytes = 64 << 10;
constexpr int kMaxNesting = 64;
constexpr int kMaxRepeat = 65535;  // PCRE2's
constexpr uint32_t kLastCodePoint = 0x10FFFF;
constexpr size_t kMaxRanges = 1 << 20;  // in all classes of a pattern: 8 MB

bool is_letter(uint32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

uint32_t lower(uint32_t c) { return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c; }

// The characters that Unicode folds to the same as an ASCII letter.
CodePointSet case_variants(uint32_t letter) {
  uint32_t small = lower(letter), capital = small - 'a' + 'A';
  std::vector<unicode::CodePointRange> variants = {{small, small}, {capital, capital}};
  if (small == 'k') variants.push_back({0x212A, 0x212A});  // the Kelvin sign
  if (small == 's') variants.push_back({0x17F, 0x17F});    // the long s
  return CodePointSet(std::move(variants));
}

bool may_have_case(uint32_t c) {
  unicode::Properties p = unicode::properties_of(c);
  return c >= 0x80 && p.is_word() && p.category() != unicode::Category::Nd &&
         p.category() != unicode::Category::Lo;
}

// Letters that are one character somewhere in Unicode, such as ß for "ss", which (?i) matches too.
bool makes_ligature(uint32_t a, uint32_t b) {
  a = lower(a);
  b = lower(b);
  return (a == 'f' && (b == 'f' || b == 'i' || b == 'l')) || (a == 's' && (b == 's' || b == 't'));
}

struct Options {
  bool ignore_case = false;
  bool dot_all = false;
};

class Parser {
 public:
  Parser(std::string_view pattern, const std::string& where) : text_(pattern), where_(where) {}

  Parsed run() {
    if (text_.size() > kMaxPatternBytes) {
      fail("{}: a regular expression of {} bytes is longer than the limit of {}", where_,
           text_.size(), kMaxPatternBytes);
    }
    if (unicode::valid_prefix(text_) != text_.size()) reject("is no valid UTF-8");
    alternatives({}, 0);
    if (!at_end()) reject("has a ) without its (");
    return std::move(parsed_);
  }

 private:
  [[noreturn]] void reject(std::string_view problem) const { reject_at(at_, problem); }

  [[noreturn]] void reject_at(size_t offset, std::string_view problem) const {
    fail("{}: the regular expression \"{}\" {} (at byte {})", where_, text_, problem, offset);
  }

  [[noreturn]] void unsupported(size_t offset, std::string_view what) const {
    fail("{}: the regular expression \"{}\" has {} (at byte {}), which is not supported", where_,
         text_, what, offset);
  }

  bool at_end() const { return at_ == text_.size(); }
  bool next_is(char c) const { return at_ < text_.size() && text_[at_] == c; }
  bool next_is(std::string_view s) const { return text_.substr(at_, s.size()) == s; }

  bool take(std::string_view s) {
    if (!next_is(s)) return false;
    at_ += s.size();
    return true;
  }

  uint32_t take_character() {
    unicode::CodePoint c = unicode::decode(text_.data() + at_);
    at_ += c.size;
    return c.value;
  }

  void emit(std::string syntax) { parsed_.pieces.push_back({std::move(syntax), -1}); }

  void emit(const CodePointSet& set) {
    count_ranges(set.ranges().size());
    parsed_.pieces.push_back({"", static_cast<int>(parsed_.sets.size())});
    parsed_.sets.push_back(set);
  }

  void count_ranges(size_t count) {
    ranges_ += count;
    if (ranges_ > kMaxRanges) reject("has too many or too large classes");
  }

  // Up to the end or a ), which is not consumed.
  void alternatives(Options options, int depth) {
    if (depth > kMaxNesting) reject("is nested too deep");
    sequence(options, depth);
    while (take("|")) {
      emit("|");
      sequence(options, depth);
    }
  }

  void sequence(Options options, int depth) {
    before_ = 0;
    while (!at_end() && !next_is('|') && !next_is(')')) {
      size_t first = parsed_.pieces.size();
      // The effect of (?i) lasts to the end of the group, including its other alternatives.
      if (isolated_options(options)) {
        emit("(?:");
        alternatives(options, depth + 1);
        emit(")");
        return;
      }
      if (take("(?#")) {
        size_t end = text_.find(')', at_);
        if (end == std::string_view::npos) reject("has a comment without an end");
        at_ = end + 1;
        continue;
      }
      bool repeatable = atom(options, depth);
      quantifiers(first, repeatable);
    }
  }

  // Takes "(?im-x)", without a colon, and changes the options.
  bool isolated_options(Options& options) {
    if (!next_is("(?")) return false;
    size_t end = text_.find_first_not_of("imx-", at_ + 2);
    if (end == at_ + 2 || end == std::string_view::npos || text_[end] != ')') return false;
    at_ += 2;
    read_options(options);
    ++at_;
    return true;
  }

  void read_options(Options& options) {
    bool on = true;
    for (; next_is('i') || next_is('m') || next_is('x') || next_is('-'); ++at_) {
      char c = text_[at_];
      if (c == '-') on = false;
      if (c == 'i') options.ignore_case = on;
      if (c == 'm') options.dot_all = on;
      if (c == 'x' && on) unsupported(at_, "the option x");
    }
  }

  // Parses one character, class, group or assertion; returns whether it can be repeated.
  bool atom(Options options, int depth) {
    size_t start = at_;
    switch (text_[at_]) {
      case '(':
        return group(options, depth);
      case '[':
        ++at_;
        emit(brackets(options, 0));
        break;
      case '.':
        ++at_;
        emit(options.dot_all ? CodePointSet::all() : CodePointSet('\n', '\n').complement());
        break;
      case '^':
      case '$':
        emit(std::string(1, text_[at_++]));
        return false;
      case '*':
      case '+':
      case '?':
        reject("repeats nothing");
      case '\\':
        return escape(options);
      default:
        if (text_[at_] == '{' && read_interval()) reject_at(start, "repeats nothing");
        literal(take_character(), start, options);
        return true;
    }
    before_ = 0;
    return true;
  }

  void literal(uint32_t c, size_t start, Options options) {
    if (options.ignore_case) {
      if (may_have_case(c)) unsupported(start, "a letter beyond ASCII under (?i)");
      if (makes_ligature(before_, c)) {
        unsupported(start, "letters under (?i) that Unicode also has as one character");
      }
    }
    before_ = c;
    emit(options.ignore_case && is_letter(c) ? case_variants(c) : CodePointSet(c, c));
  }

  bool group(Options options, int depth) {
    size_t start = at_++;
    bool repeatable = true;
    std::string opening = "(?:";
    if (take("?")) {
      if (take(":")) {
      } else if (take("=") || take("!")) {
        opening = "(?" + std::string(1, text_[at_ - 1]);
        repeatable = false;
      } else if (take(">")) {
        opening = "(?>";
      } else if (take("<=") || take("<!")) {
        opening = "(?<" + std::string(1, text_[at_ - 1]);
        repeatable = false;
      } else if (take("<")) {
        size_t end = text_.find('>', at_);
        if (end == std::string_view::npos || end == at_) reject_at(start, "has a bad group name");
        at_ = end + 1;
      } else {
        read_options(options);
        if (!take(":")) unsupported(start, "a group of an unknown kind");
      }
    } else if (next_is('*')) {
      unsupported(start, "a callout");
    }
    emit(std::move(opening));
    alternatives(options, depth + 1);
    if (!take(")")) reject_at(start, "has a ( without its )");
    emit(")");
    before_ = 0;
    return repeatable;
  }

  bool escape(Options options) {
    size_t start = at_++;
    if (at_end()) reject_at(start, "ends in a backslash");
    char c = text_[at_];
    before_ = 0;
    if (auto set = class_of_escape(c, false)) {
      ++at_;
      emit(*set);
      return true;
    }
    if (c == 'p' || c == 'P') {
      emit(property(start));
      return true;
    }
    switch (c) {
      case 'A':
      case 'Z':
      case 'z':
        ++at_;
        emit(std::string("\\") + c);
        return false;
      case 'b':
      case 'B':
        ++at_;
        word_boundary(c == 'b');
        return false;
      case 'R':
        ++at_;
        any_line_end();
        return true;
      case 'N':
        ++at_;
        emit(CodePointSet('\n', '\n').complement());
        return true;
      case 'O':
        ++at_;
        emit(CodePointSet::all());
        return true;
      default:
        literal(escaped_character(start), start, options);
        return true;
    }
  }

  void word_boundary(bool at_boundary) {
    CodePointSet word = word_class();
    auto side = [&](const char* before, const char* behind) {
      emit(before);
      emit(word);
      emit(behind);
      emit(word);
      emit(")");
    };
    side("(?:(?<=", at_boundary ? ")(?!" : ")(?=");
    side("|(?<!", at_boundary ? ")(?=" : ")(?!");
    emit(")");
  }

  void any_line_end() {
    emit("(?>");
    emit(CodePointSet('\r', '\r'));
    emit(CodePointSet('\n', '\n'));
    emit("|");
    emit(CodePointSet({{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}}));
    emit(")");
  }

  // After the backslash of a character's escape.
  uint32_t escaped_character(size_t start) {
    char c = text_[at_];
    switch (c) {
      case 't':
        return ++at_, '\t';
      case 'n':
        return ++at_, '\n';
      case 'r':
        return ++at_, '\r';
      case 'f':
        return ++at_, '\f';
      case 'v':
        return ++at_, '\v';
      case 'a':
        return ++at_, '\a';
      case 'e':
        return ++at_, 0x1B;
      case 'x':
        ++at_;
        return hexadecimal_escape(start);
      case 'u':
        ++at_;
        return checked(digits(16, 4, 4, start), start);
      case '0':
        return checked(digits(8, 1, 3, start), start);
      default:
        break;
    }
    if (is_letter(static_cast<unsigned char>(c)) || (c >= '1' && c <= '9')) {
      unsupported(start, fmt::format("\\{}", c));
    }
    return take_character();
  }

  uint32_t hexadecimal_escape(size_t start) {
    if (take("{")) {
      uint32_t value = digits(16, 1, 8, start);
      if (!take("}")) reject_at(start, "has a bad \\x{...}");
      return checked(value, start);
    }
    uint32_t value = digits(16, 1, 2, start);
    // It would be one byte of a character.
    if (value >= 0x80) unsupported(start, "a byte beyond ASCII");
    return value;
  }

  uint32_t checked(uint32_t value, size_t start) const {
    if (value > kLastCodePoint || (value >= 0xD800 && value < 0xE000)) {
      reject_at(start, "names a character that does not exist");
    }
    return value;
  }

  uint32_t digits(uint32_t base, int least, int most, size_t start) {
    uint32_t value = 0;
    int count = 0;
    for (; count < most && !at_end(); ++count, ++at_) {
      char c = text_[at_];
      uint32_t digit = c >= '0' && c <= '9'   ? static_cast<uint32_t>(c - '0')
                       : c >= 'a' && c <= 'f' ? static_cast<uint32_t>(c - 'a' + 10)
                       : c >= 'A' && c <= 'F' ? static_cast<uint32_t>(c - 'A' + 10)
                                              : base;
      if (digit >= base) break;
      value = value * base + digit;
    }
    if (count < least) reject_at(start, "has too few digits in an escape");
    return value;
  }

  // At the p or P of \p{...}.
  CodePointSet property(size_t start) {
    bool negated = text_[at_++] == 'P';
    if (!take("{")) unsupported(start, "\\p without braces");
    if (take("^")) negated = !negated;
    size_t end = text_.find('}', at_);
    if (end == std::string_view::npos) reject_at(start, "has \\p{ without a }");
    std::string_view name = text_.substr(at_, end - at_);
    at_ = end + 1;
    std::optional<CodePointSet> set = unicode::property_set(name);
    if (!set) unsupported(start, fmt::format("the property \"{}\"", name));
    return negated ? set->complement() : *set;
  }

  // After the [: unions of the members, intersected at each &&.
  CodePointSet brackets(Options options, int depth) {
    size_t start = at_ - 1;
    if (depth > kMaxNesting) reject("is nested too deep");
    if (options.ignore_case && depth > 0) unsupported(start, "a class in a class under (?i)");
    bool negated = take("^");
    std::optional<CodePointSet> left;
    Members members;
    for (bool first = true;; first = false) {
      if (at_end()) reject_at(start, "has a [ without its ]");
      if (next_is(']') && !first) break;
      if (next_is(']') && text_.find(']', at_ + 1) == std::string_view::npos) {
        reject_at(start, "has an empty class");
      }
      if (take("&&")) {
        if (options.ignore_case) unsupported(at_ - 2, "&& under (?i)");
        CodePointSet set(std::exchange(members, {}));
        left = left ? left->intersected(set) : set;
        continue;
      }
      class_member(options, depth, members);
    }
    ++at_;
    CodePointSet set(std::move(members));
    if (left) set = left->intersected(set);
    return negated ? set.complement() : set;
  }

  using Members = std::vector<unicode::CodePointRange>;

  void add(const CodePointSet& set, Members& members) {
    count_ranges(set.ranges().size());
    members.insert(members.end(), set.ranges().begin(), set.ranges().end());
  }

  // A class in a class, or a character, or a range.
  void class_member(Options options, int depth, Members& members) {
    size_t start = at_;
    if (take("[:")) {
      if (auto set = posix_bracket(options, start)) return add(*set, members);
      at_ = start;
    }
    if (take("[")) return add(brackets(options, depth + 1), members);
    if (next_is('\\')) {
      if (auto set = class_escape_member(options)) {
        if (range_follows()) reject_at(start, "has a range that begins with a class");
        return add(*set, members);
      }
    }
    uint32_t first = class_character();
    if (!range_follows()) return add(range(first, first, start, options), members);
    ++at_;
    if (next_is('[')) unsupported(start, "a range that ends in a class");
    uint32_t last = class_character();
    if (last < first) reject_at(start, "has an empty range");
    add(range(first, last, start, options), members);
    if (take("-")) members.push_back({'-', '-'});  // a range cannot begin where another ends
  }

  bool range_follows() const {
    return next_is('-') && at_ + 1 < text_.size() && text_[at_ + 1] != ']';
  }

  // \s, \p{L} and the like.
  std::optional<CodePointSet> class_escape_member(Options options) {
    size_t start = at_;
    if (at_ + 1 >= text_.size()) reject("ends in a backslash");
    char c = text_[at_ + 1];
    if (c == 'p' || c == 'P') {
      ++at_;
      if (options.ignore_case) unsupported(start, "\\p in a class under (?i)");
      return property(start);
    }
    std::optional<CodePointSet> set = class_of_escape(c, true);
    if (!set) return std::nullopt;
    if (options.ignore_case && c != 's' && c != 'd') {
      unsupported(start, fmt::format("\\{} in a class under (?i)", c));
    }
    at_ += 2;
    return set;
  }

  uint32_t class_character() {
    if (at_end()) reject("has a [ without its ]");
    if (!next_is('\\')) return take_character();
    size_t start = at_++;
    if (at_end()) reject_at(start, "ends in a backslash");
    if (take("b")) return '\b';
    if (class_of_escape(text_[at_], true) || next_is('p') || next_is('P')) {
      reject_at(start, "has a range that ends in a class");
    }
    return escaped_character(start);
  }

  CodePointSet range(uint32_t first, uint32_t last, size_t start, Options options) const {
    CodePointSet set(first, last);
    if (!options.ignore_case) return set;
    // Longer ranges beyond ASCII are refused without searching them for letters with case.
    if (last >= 0x80 && (last - first > 0x1000 || any_has_case(first, last))) {
      unsupported(start, "letters beyond ASCII under (?i)");
    }
    for (uint32_t c = first; c <= last && c < 0x80; ++c) {
      if (is_letter(c)) set = set.united(case_variants(c));
    }
    return set;
  }

  static bool any_has_case(uint32_t first, uint32_t last) {
    for (uint32_t c = first; c <= last; ++c) {
      if (may_have_case(c)) return true;
    }
    return false;
  }

  // After "[:"; nothing if it is an ordinary class that begins with a colon.
  std::optional<CodePointSet> posix_bracket(Options options, size_t start) {
    size_t end = text_.find(":]", at_);
    size_t stop = text_.find_first_of("[]\\", at_);
    if (end == std::string_view::npos || stop < end) return std::nullopt;
    bool negated = take("^");
    std::string_view name = text_.substr(at_, end - at_);
    std::optional<CodePointSet> set = class_of_posix_bracket(name);
    if (!set) unsupported(start, fmt::format("the class [:{}:]", name));
    if (options.ignore_case) unsupported(start, "[:...:] under (?i)");
    at_ = end + 2;
    return negated ? set->complement() : *set;
  }

  struct Interval {
    int least, most;  // most < 0: no limit
    size_t end;
  };

  // {n}, {n,}, {n,m} or {,m} at at_, which does not move; anything else is plain characters.
  std::optional<Interval> read_interval() const {
    size_t i = at_ + 1;
    auto number = [&]() -> std::optional<int> {
      size_t begin = i;
      int value = 0;
      for (; i < text_.size() && text_[i] >= '0' && text_[i] <= '9'; ++i) {
        value = std::min(value * 10 + (text_[i] - '0'), kMaxRepeat + 1);
      }
      return i == begin ? std::nullopt : std::optional(value);
    };
    std::optional<int> least = number(), most = least;
    if (i < text_.size() && text_[i] == ',') {
      ++i;
      most = number();
      if (!least && !most) return std::nullopt;
      if (!most) most = -1;
    }
    if (!most || i >= text_.size() || text_[i] != '}') return std::nullopt;
    return Interval{least.value_or(0), *most, i + 1};
  }

  // The quantifiers after an atom, which begins at piece `first`. A quantifier after another one
  // repeats the repeated atom.
  void quantifiers(size_t first, bool repeatable) {
    for (bool again = false; !at_end(); again = true) {
      std::string quantifier;
      char c = text_[at_];
      if (c == '*' || c == '+' || c == '?') {
        quantifier = c;
        ++at_;
        // Greedy, reluctant or possessive.
        if (next_is('?') || next_is('+')) quantifier += text_[at_++];
      } else if (c == '{') {
        std::optional<Interval> interval = read_interval();
        if (!interval) return;
        quantifier = print(*interval);
        at_ = interval->end;
        // {n}? is an optional repeat, and {n,m}+ a repeat of a repeat.
        if (interval->least != interval->most && take("?")) quantifier += '?';
      } else {
        return;
      }
      if (!repeatable) reject("repeats an assertion");
      if (again) {
        parsed_.pieces.insert(parsed_.pieces.begin() + static_cast<std::ptrdiff_t>(first),
                              {"(?:", -1});
        emit(")");
      }
      emit(std::move(quantifier));
    }
  }

  std::string print(const Interval& interval) const {
    if (interval.least > kMaxRepeat || interval.most > kMaxRepeat) {
      unsupported(at_, fmt::format("a repeat of more than {}", kMaxRepeat));
    }
    if (interval.most < 0) return fmt::format("{{{},}}", interval.least);
    if (interval.most < interval.least) unsupported(at_, "a repeat with its limits swapped");
    return fmt::format("{{{},{}}}", interval.least, interval.most);
  }

  std::string_view text_;
  const std::string& where_;
  size_t at_ = 0;
  size_t ranges_ = 0;    // in the classes so far
  uint32_t before_ = 0;  // the literal before this place, 0 if something else is
  Parsed parsed_;
};

}  // namespace

Parsed parse(std::string_view pattern, const std::string& where) {
  return Parser(pattern, where).run();
}

}  // namespace graft::regex
