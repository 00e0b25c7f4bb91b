#include "graft/regex/regex.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "graft/base/error.h"
#include "graft/regex/alphabet.h"
#include "graft/regex/parser.h"
#include "graft/unicode/unicode.h"

namespace graft::regex {
namespace {

// The limits beyond which a search counts as endless. A search through megabytes of text takes some
// millions of steps.
constexpr uint32_t kMatchLimit = 20'000'000;
constexpr uint32_t kHeapLimitKiB = 512 << 10;
constexpr size_t kJitStackStart = 32 << 10, kJitStackMost = 64 << 20;
constexpr size_t kMaxCompiledBytes = 8 << 20;

template <class T, void (*free)(T*)>
struct Free {
  void operator()(T* p) const { free(p); }
};
using Code = std::unique_ptr<pcre2_code, Free<pcre2_code, pcre2_code_free>>;
using MatchData = std::unique_ptr<pcre2_match_data, Free<pcre2_match_data, pcre2_match_data_free>>;
using MatchContext =
    std::unique_ptr<pcre2_match_context, Free<pcre2_match_context, pcre2_match_context_free>>;
using JitStack = std::unique_ptr<pcre2_jit_stack, Free<pcre2_jit_stack, pcre2_jit_stack_free>>;

std::string message_of(int error) {
  char buffer[256];
  int size = pcre2_get_error_message(error, reinterpret_cast<PCRE2_UCHAR*>(buffer), sizeof buffer);
  return size < 0 ? fmt::format("error {}", error) : std::string(buffer, static_cast<size_t>(size));
}

std::string print(const Parsed& parsed, const Alphabet& alphabet) {
  std::string pattern;
  for (const Parsed::Piece& piece : parsed.pieces) {
    pattern += piece.set < 0 ? piece.syntax : alphabet.kinds_of(static_cast<size_t>(piece.set));
  }
  return pattern;
}

// What a thread needs for a search, with any expression.
struct Scratch {
  Scratch()
      : data(pcre2_match_data_create(1, nullptr)),
        context(pcre2_match_context_create(nullptr)),
        stack(pcre2_jit_stack_create(kJitStackStart, kJitStackMost, nullptr)) {
    if (!data || !context) throw std::bad_alloc();
    pcre2_set_match_limit(context.get(), kMatchLimit);
    pcre2_set_heap_limit(context.get(), kHeapLimitKiB);
    if (stack) pcre2_jit_stack_assign(context.get(), nullptr, stack.get());
  }

  std::string kinds;  // of the text's characters
  MatchData data;
  MatchContext context;
  JitStack stack;
};

// Turns ascending places, counted in characters, into bytes.
class Places {
 public:
  Places(std::string_view text, size_t characters)
      : text_(text), ascii_(characters == text.size()) {}

  size_t byte_of(size_t character) {
    if (ascii_) return character;
    for (; at_ < character; ++at_) byte_ += unicode::sequence_size(text_[byte_]);
    return byte_;
  }

 private:
  std::string_view text_;
  bool ascii_;
  size_t at_ = 0, byte_ = 0;
};

}  // namespace

class Regex::Compiled {
 public:
  Compiled(std::string_view pattern, const std::string& where, const Parsed& parsed)
      : where_(where), pattern_(pattern), alphabet_(parsed.sets, where) {
    std::string translated = print(parsed, alphabet_);
    int error;
    PCRE2_SIZE offset;
    code_.reset(pcre2_compile(reinterpret_cast<PCRE2_SPTR>(translated.data()), translated.size(),
                              PCRE2_MULTILINE | PCRE2_NO_AUTO_CAPTURE, &error, &offset, nullptr));
    if (!code_) refuse(message_of(error));
    size_t size = 0;
    pcre2_pattern_info(code_.get(), PCRE2_INFO_SIZE, &size);
    if (size > kMaxCompiledBytes) refuse("it is too large");
    // If there is no JIT compiler, or no memory for it, the interpreter is used.
    pcre2_jit_compile(code_.get(), PCRE2_JIT_COMPLETE);
  }

  const std::string& pattern() const { return pattern_; }

  void find_all(std::string_view text, std::vector<Span>& matches) const {
    thread_local Scratch scratch;
    alphabet_.translate(text, scratch.kinds);
    const size_t size = scratch.kinds.size();
    Places places(text, size);
    // Continues as the reference does: after the match, or one character further if the next match
    // would be empty and right there.
    size_t from = 0, last_end = std::string_view::npos;
    while (from <= size && search(from, scratch)) {
      const PCRE2_SIZE* found = pcre2_get_ovector_pointer(scratch.data.get());
      size_t begin = found[0], end = found[1];
      if (begin == end && end == last_end) {
        ++from;
        continue;
      }
      from = last_end = end;
      size_t begin_byte = places.byte_of(begin);
      matches.push_back({begin_byte, places.byte_of(end)});
    }
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    fail("{}: the regular expression \"{}\" is not supported: {}", where_, pattern_, why);
  }

  bool search(size_t from, Scratch& scratch) const {
    auto subject = reinterpret_cast<PCRE2_SPTR>(scratch.kinds.data());
    auto match = [&](uint32_t options) {
      return pcre2_match(code_.get(), subject, scratch.kinds.size(), from, options,
                         scratch.data.get(), scratch.context.get());
    };
    int result = match(0);
    // The interpreter keeps on the heap what does not fit on the stack.
    if (result == PCRE2_ERROR_JIT_STACKLIMIT) result = match(PCRE2_NO_JIT);
    if (result >= 0) return true;
    if (result == PCRE2_ERROR_NOMATCH) return false;
    fail("{}: the regular expression \"{}\" gives up on a text of {} characters: {}", where_,
         pattern_, scratch.kinds.size(), message_of(result));
  }

  std::string where_, pattern_;
  Alphabet alphabet_;
  Code code_;
};

Regex::Regex(std::string_view pattern, const std::string& where)
    : compiled_(std::make_shared<Compiled>(pattern, where, parse(pattern, where))) {}

void Regex::find_all(std::string_view text, std::vector<Span>& matches) const {
  compiled_->find_all(text, matches);
}

const std::string& Regex::pattern() const { return compiled_->pattern(); }

}  // namespace graft::regex
