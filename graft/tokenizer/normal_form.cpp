#include "graft/tokenizer/normal_form.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

// No code point decomposes into more (U+FDFA has 18).
constexpr int kMostParts = 32;

utf8proc_propval_t combining_class(utf8proc_int32_t c) {
  return utf8proc_get_property(c)->combining_class;
}

struct FormOptions {
  explicit FormOptions(NormalForm form) {
    bool compatible = form == NormalForm::nfkc || form == NormalForm::nfkd;
    composed = form == NormalForm::nfc || form == NormalForm::nfkc;
    int options = UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0);
    compose = static_cast<utf8proc_option_t>(options | UTF8PROC_COMPOSE);
    decompose = static_cast<utf8proc_option_t>(options | UTF8PROC_DECOMPOSE);
  }

  bool composed;
  utf8proc_option_t decompose, compose;
};

// Calls part(c) for each code point that one decomposes into.
template <class Part>
void decompose(uint32_t code_point, const FormOptions& options, Part&& part) {
  utf8proc_int32_t parts[kMostParts];
  utf8proc_ssize_t count = utf8proc_decompose_char(static_cast<utf8proc_int32_t>(code_point), parts,
                                                   kMostParts, options.decompose, nullptr);
  if (count < 0 || count > kMostParts) {
    fail("cannot normalize U+{:04X}: {}", code_point,
         utf8proc_errmsg(std::min<utf8proc_ssize_t>(count, -1)));
  }
  for (utf8proc_ssize_t i = 0; i < count; ++i) part(parts[i]);
}

// utf8proc normalizes whole strings too, but sorts marks in quadratic time.
class Segment {
 public:
  Segment(NormalForm form, std::string& output) : output_(output), options_(form) {}

  void add(uint32_t code_point) {
    decompose(code_point, options_, [&](utf8proc_int32_t part) {
      if (combining_class(part) == 0) sort_marks();
      points_.push_back(part);
      if (combining_class(part) == 0) marks_ = points_.size();
    });
  }

  void flush() {
    sort_marks();
    utf8proc_ssize_t count = static_cast<utf8proc_ssize_t>(points_.size());
    if (options_.composed && count > 0) {
      count = utf8proc_normalize_utf32(points_.data(), count, options_.compose);
    }
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      unicode::append_utf8(output_, static_cast<uint32_t>(points_[static_cast<size_t>(i)]));
    }
    points_.clear();
    marks_ = 0;
  }

 private:
  // Canonical ordering of the marks since the last starter.
  void sort_marks() {
    std::stable_sort(points_.begin() + static_cast<std::ptrdiff_t>(marks_), points_.end(),
                     [](utf8proc_int32_t a, utf8proc_int32_t b) {
                       return combining_class(a) < combining_class(b);
                     });
    marks_ = points_.size();
  }

  std::string& output_;
  FormOptions options_;
  std::vector<utf8proc_int32_t> points_;
  size_t marks_ = 0;  // where the marks since the last starter begin
};

// The normal form point by point, which knows how many characters of the text each takes: the first
// part of a character takes it, and a composed point all that its parts take.
class Tracer {
 public:
  explicit Tracer(NormalForm form) : options_(form) {}

  void add(uint32_t code_point) {
    uint32_t taken = 1;
    decompose(code_point, options_, [&](utf8proc_int32_t part) {
      const utf8proc_propval_t its_class = combining_class(part);
      if (its_class == 0) release();
      marks_.push_back({part, std::exchange(taken, 0), its_class});
      if (its_class == 0) release();
    });
  }

  // A character that stays as it is, and joins with nothing.
  void add_unchanged(uint32_t code_point) {
    flush();
    append({static_cast<utf8proc_int32_t>(code_point), 1, 0});
  }

  void flush() {
    release();
    finish_starter();
  }

  std::string text;
  std::vector<CharacterChange> changes;

 private:
  struct Point {
    utf8proc_int32_t value;
    uint32_t taken;
    utf8proc_propval_t its_class;
  };

  // Canonical ordering of the marks since the last starter.
  void release() {
    std::stable_sort(marks_.begin(), marks_.end(),
                     [](const Point& a, const Point& b) { return a.its_class < b.its_class; });
    for (const Point& point : marks_) join(point);
    marks_.clear();
  }

  // Canonical composition (UAX #15): a mark joins the starter unless one between them of its class
  // or a higher one did not.
  void join(const Point& point) {
    const bool blocked = !waiting_.empty() && waiting_.back().its_class >= point.its_class;
    if (options_.composed && starter_ && !blocked) {
      utf8proc_int32_t pair[] = {starter_->value, point.value};
      if (utf8proc_normalize_utf32(pair, 2, options_.compose) == 1) {
        starter_->value = pair[0];
        starter_->taken += point.taken;
        return;
      }
    }
    if (point.its_class == 0) {
      finish_starter();
      starter_ = point;
    } else if (starter_) {
      waiting_.push_back(point);
    } else {
      append(point);
    }
  }

  void finish_starter() {
    if (starter_) append(*starter_);
    for (const Point& point : waiting_) append(point);
    starter_.reset();
    waiting_.clear();
  }

  void append(const Point& point) {
    const size_t begin = text.size();
    unicode::append_utf8(text, static_cast<uint32_t>(point.value));
    changes.push_back({static_cast<uint32_t>(text.size() - begin), point.taken});
  }

  FormOptions options_;
  std::vector<Point> marks_;  // since the last starter, not yet in order
  std::optional<Point> starter_;
  std::vector<Point> waiting_;  // marks behind the starter that do not join it
};

}  // namespace

std::string normalize(NormalForm form, std::string_view text) {
  std::string output;
  output.reserve(text.size());
  Segment segment(form, output);
  for (size_t i = 0; i < text.size();) {
    unicode::CodePoint c = unicode::decode(text.data() + i);
    if (unicode::properties_of(c.value).has(unicode::kNotNormalized)) {
      segment.flush();
      output += text.substr(i, c.size);
    } else {
      segment.add(c.value);
    }
    i += c.size;
  }
  segment.flush();
  return output;
}

std::string normalize(NormalForm form, std::string_view text, Origins& origins) {
  origins.clear();
  std::string output = normalize(form, text);
  if (output == text) return output;
  Tracer tracer(form);
  for (size_t i = 0; i < text.size();) {
    unicode::CodePoint c = unicode::decode(text.data() + i);
    if (unicode::properties_of(c.value).has(unicode::kNotNormalized)) {
      tracer.add_unchanged(c.value);
    } else {
      tracer.add(c.value);
    }
    i += c.size;
  }
  tracer.flush();
  if (tracer.text != output) fail("cannot find the places of characters in normalized text");
  append_origins(tracer.changes, text, origins);
  return output;
}

}  // namespace graft::tokenizer
