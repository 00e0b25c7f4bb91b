#include "graft/tokenizer/normalizer.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "graft/base/error.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

bool is_space_at(std::string_view text, size_t at) {
  return unicode::properties_of(unicode::decode(text.data() + at).value).in(unicode::kSpaces);
}

std::string_view strip(const Normalizer::Strip& sides, std::string_view text) {
  while (sides.left && !text.empty() && is_space_at(text, 0)) {
    text.remove_prefix(unicode::decode(text.data()).size);
  }
  while (sides.right && !text.empty()) {
    size_t last = unicode::start_of_last(text, text.size());
    if (!is_space_at(text, last)) break;
    text = text.substr(0, last);
  }
  return text;
}

std::string lower(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    unicode::CodePoint c = unicode::decode(text.data() + i);
    unicode::append_lower(result, c.value);
    i += c.size;
  }
  return result;
}

struct ApplyToText {
  const std::string& text;
  size_t most;

  std::string operator()(NormalForm form) const { return normalize(form, text); }
  std::string operator()(const Normalizer::Prepend& prepend) const {
    return text.empty() ? text : prepend.text + text;
  }
  std::string operator()(const Replacement& replacement) const {
    return replacement.apply(text, most);
  }
  std::string operator()(const Normalizer::Strip& sides) const {
    return std::string(strip(sides, text));
  }
  std::string operator()(Normalizer::Lowercase) const { return lower(text); }
  std::string operator()(const Charsmap& map) const {
    std::string result;
    map.apply(text, result);
    return result;
  }
};

// The same with the origins of the result, which are cleared if the text stays as it is.
struct ApplyAndTrace {
  const std::string& text;
  size_t most;
  Origins& origins;

  std::string operator()(NormalForm form) const { return normalize(form, text, origins); }
  std::string operator()(const Normalizer::Prepend& prepend) const {
    origins.clear();
    if (text.empty()) return text;
    origins.assign(prepend.text.size(), 0);
    keep({0, text.size()});
    if (prepend.text.empty()) {
      std::fill_n(origins.begin(), unicode::sequence_size(text.front()), kNoOrigin);
    }
    return prepend.text + text;
  }
  std::string operator()(const Replacement& replacement) const {
    return replacement.apply(text, most, &origins);
  }
  std::string operator()(const Normalizer::Strip& sides) const {
    std::string_view rest = strip(sides, text);
    origins.clear();
    const size_t begin = static_cast<size_t>(rest.data() - text.data());
    keep({begin, begin + rest.size()});
    return std::string(rest);
  }
  std::string operator()(Normalizer::Lowercase) const {
    std::string result;
    origins.clear();
    for (size_t i = 0; i < text.size();) {
      unicode::CodePoint c = unicode::decode(text.data() + i);
      unicode::append_lower(result, c.value);
      origins.resize(result.size(), i);
      i += c.size;
    }
    return result;
  }
  std::string operator()(const Charsmap& map) const {
    std::string result;
    origins.clear();
    map.apply(text, result, &origins);
    return result;
  }

 private:
  void keep(Span span) const {
    for (size_t i = span.begin; i < span.end; ++i) origins.push_back(i);
  }
};

// The smallest byte at which a step may change anything. Below U+0300 nothing composes, below
// U+0080 nothing decomposes.
unsigned char least_changed(const Normalizer::Step& step) {
  const NormalForm* form = std::get_if<NormalForm>(&step);
  if (form == nullptr) return 0;
  return *form == NormalForm::nfc ? 0xCC : 0x80;
}

}  // namespace

Normalizer::Normalizer(std::vector<Step> steps) : steps_(std::move(steps)) {
  for (const Step& step : steps_) {
    unchanged_below_ = std::min(unchanged_below_, least_changed(step));
  }
}

bool Normalizer::leaves(std::string_view text) const {
  return std::all_of(text.begin(), text.end(),
                     [this](char c) { return static_cast<unsigned char>(c) < unchanged_below_; });
}

std::string Normalizer::apply(std::string_view text, Origins* origins) const {
  std::string result(text);
  const size_t most = most_grown(text.size());
  Origins of_step;
  if (origins != nullptr) origins->resize(text.size());
  if (origins != nullptr) std::iota(origins->begin(), origins->end(), size_t{0});
  for (const Step& step : steps_) {
    if (origins == nullptr) {
      result = std::visit(ApplyToText{result, most}, step);
    } else {
      result = std::visit(ApplyAndTrace{result, most, of_step}, step);
      if (of_step.size() == result.size() && !of_step.empty()) {
        compose_origins(*origins, of_step);
        std::swap(*origins, of_step);
      }
      if (result.empty()) origins->clear();
    }
    if (result.size() > most) {
      fail("the tokenizer's normalizer makes more than {} bytes of a text of {}", most,
           text.size());
    }
  }
  return result;
}

}  // namespace graft::tokenizer
