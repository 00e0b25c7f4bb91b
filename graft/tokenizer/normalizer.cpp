#include "graft/tokenizer/normalizer.h"

#include <algorithm>

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

std::string Normalizer::apply(std::string_view text) const {
  std::string result(text);
  const size_t most = most_grown(text.size());
  for (const Step& step : steps_) {
    result = std::visit(ApplyToText{result, most}, step);
    if (result.size() > most) {
      fail("the tokenizer's normalizer makes more than {} bytes of a text of {}", most,
           text.size());
    }
  }
  return result;
}

}  // namespace graft::tokenizer
