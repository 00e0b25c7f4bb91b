#include "graft/tokenizer/normal_form.h"

#include <utf8proc.h>

#include <algorithm>
#include <cstdint>
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

// utf8proc normalizes whole strings too, but sorts marks in quadratic time.
class Segment {
 public:
  Segment(NormalForm form, std::string& output) : output_(output) {
    bool compatible = form == NormalForm::nfkc || form == NormalForm::nfkd;
    composed_ = form == NormalForm::nfc || form == NormalForm::nfkc;
    int options = UTF8PROC_STABLE | (compatible ? UTF8PROC_COMPAT : 0);
    compose_options_ = static_cast<utf8proc_option_t>(options | UTF8PROC_COMPOSE);
    decompose_options_ = static_cast<utf8proc_option_t>(options | UTF8PROC_DECOMPOSE);
  }

  void add(uint32_t code_point) {
    utf8proc_int32_t parts[kMostParts];
    utf8proc_ssize_t count = utf8proc_decompose_char(
        static_cast<utf8proc_int32_t>(code_point), parts, kMostParts, decompose_options_, nullptr);
    if (count < 0 || count > kMostParts) {
      fail("cannot normalize U+{:04X}: {}", code_point,
           utf8proc_errmsg(std::min<utf8proc_ssize_t>(count, -1)));
    }
    for (utf8proc_ssize_t i = 0; i < count; ++i) {
      if (combining_class(parts[i]) == 0) sort_marks();
      points_.push_back(parts[i]);
      if (combining_class(parts[i]) == 0) marks_ = points_.size();
    }
  }

  void flush() {
    sort_marks();
    utf8proc_ssize_t count = static_cast<utf8proc_ssize_t>(points_.size());
    if (composed_ && count > 0) {
      count = utf8proc_normalize_utf32(points_.data(), count, compose_options_);
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
  utf8proc_option_t decompose_options_, compose_options_;
  bool composed_;
  std::vector<utf8proc_int32_t> points_;
  size_t marks_ = 0;  // where the marks since the last starter begin
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

}  // namespace graft::tokenizer
