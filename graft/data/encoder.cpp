#include "graft/data/encoder.h"

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/data/option_names.h"

namespace graft::data {
namespace {

// 1 for the tokens of trained parts.
std::vector<float> weights_of(const std::vector<Span>& tokens, const RenderedText& rendered) {
  std::vector<float> weights(tokens.size(), 0.0f);
  size_t i = 0;
  for (const Span& part : rendered.trained) {
    const auto before = [&](const Span& token) {
      return rendered.edge == RenderedText::Edge::touching ? token.end <= part.begin
                                                           : token.begin < part.begin;
    };
    while (i < tokens.size() && before(tokens[i])) ++i;
    for (; i < tokens.size() && tokens[i].begin < part.end; ++i) weights[i] = 1;
  }
  return weights;
}

Example part_of(const Example& whole, size_t begin, size_t end) {
  const auto at = [](auto& values, size_t i) {
    return values.begin() + static_cast<std::ptrdiff_t>(i);
  };
  Example part{.ids = {at(whole.ids, begin), at(whole.ids, end)}};
  if (!whole.weights.empty()) part.weights = {at(whole.weights, begin), at(whole.weights, end)};
  return part;
}

bool is_trained(const Example& example) {
  return example.weights.empty() || std::any_of(example.weights.begin() + 1, example.weights.end(),
                                                [](float weight) { return weight != 0; });
}

// Stretches of at most `most` tokens. Those that two share are context in the second: they carry
// loss in the first.
std::vector<Example> parts_of(const Example& whole, size_t most, size_t overlap) {
  std::vector<Example> parts;
  for (size_t begin = 0;;) {
    const size_t end = std::min(begin + most, whole.ids.size());
    Example part = part_of(whole, begin, end);
    if (begin > 0 && overlap > 0) {
      if (part.weights.empty()) part.weights.assign(part.ids.size(), 1.0f);
      std::fill_n(part.weights.begin(), std::min(overlap, part.ids.size()), 0.0f);
    }
    if (part.ids.size() >= 2 && is_trained(part)) parts.push_back(std::move(part));
    if (end == whole.ids.size()) return parts;
    begin = end - overlap;
  }
}

}  // namespace

Encoder::Encoder(tokenizer::Tokenizer tokenizer, ChatForm chat, const RenderOptions& options)
    : tokenizer_(std::move(tokenizer)), renderer_(std::move(chat), options), options_(options) {
  if (options.add_eos && !tokenizer_.eos_id()) {
    fail(
        "the tokenizer's tokenizer_config.json names no eos_token to end examples with: give "
        "`add_eos` 0");
  }
  if (options.overlap < 0 || options.overlap >= options.max_seq_length - 1) {
    fail_usage("`overlap` {} leaves nothing of `max_seq_length` {}", options.overlap,
               options.max_seq_length);
  }
}

Example Encoder::tokens_of(const RenderedText& rendered) const {
  const tokenizer::EncodeOptions around{.add_special_tokens = !rendered.from_template};
  Example example;
  if (rendered.all_trained) {
    example.ids = tokenizer_.encode(rendered.text, around);
  } else if (rendered.edge == RenderedText::Edge::common) {
    example.ids = tokenizer_.encode(rendered.text, around);
    const std::string_view prompt =
        std::string_view(rendered.text).substr(0, rendered.trained[0].begin);
    const std::vector<int32_t> alone = tokenizer_.encode(prompt, around);
    const auto common =
        std::mismatch(alone.begin(), alone.end(), example.ids.begin(), example.ids.end());
    example.weights.assign(example.ids.size(), 1.0f);
    std::fill_n(example.weights.begin(), common.first - alone.begin(), 0.0f);
  } else {
    tokenizer::Encoding encoding = tokenizer_.encode_with_spans(rendered.text, around);
    example.weights = weights_of(encoding.spans, rendered);
    example.ids = std::move(encoding.ids);
  }
  if (options_.add_eos && !rendered.from_template &&
      (example.ids.empty() || example.ids.back() != *tokenizer_.eos_id())) {
    example.ids.push_back(*tokenizer_.eos_id());
    if (!rendered.all_trained) example.weights.push_back(1);
  }
  return example;
}

Encoded Encoder::encode(const RecordContent& content, const std::string& where) const {
  const RenderedText rendered = renderer_.render(content, where);
  Example example = tokens_of(rendered);
  const std::string beyond = beyond_vocabulary(example);
  if (!beyond.empty()) fail("{}: {}", where, beyond);
  Encoded result;
  if (example.ids.size() < 2) {
    result.fate = Fate::too_short;
  } else if (!is_trained(example)) {
    result.fate = Fate::untrained;
  } else {
    result = fitted(std::move(example), where);
  }
  result.has_unwritten_calls = rendered.unwritten_calls.has_value();
  return result;
}

std::string Encoder::recipe() const {
  const RenderOptions& o = options_;
  return fmt::format(
      "tokenizer {}, template {} own {}, add_eos {}, max_seq_length {}, vocab_size {}, train_on "
      "{}, "
      "raw_pairs {}, overlong {}, overlap {}",
      tokenizer_.fingerprint(), renderer_.chat().turns->chat_template().fingerprint(),
      renderer_.has_own_template(), o.add_eos, o.max_seq_length, o.vocab_size,
      o.train_on ? name_of(*o.train_on) : "usual", o.raw_pairs, name_of(o.overlong), o.overlap);
}

std::string Encoder::beyond_vocabulary(const Example& example) const {
  for (const int32_t id : example.ids) {
    if (id < options_.vocab_size) continue;
    return fmt::format("the tokenizer gives token {} ({}), but the model has {}", id,
                       tokenizer_.decode({&id, 1}), options_.vocab_size);
  }
  return "";
}

Encoded Encoder::fitted(Example example, const std::string& where) const {
  const auto most = static_cast<size_t>(options_.max_seq_length);
  Encoded result;
  if (example.ids.size() <= most) {
    result.examples.push_back(std::move(example));
    return result;
  }
  switch (options_.overlong) {
    case Overlong::error:
      fail("{}: {} tokens are more than `max_seq_length` {}", where, example.ids.size(), most);
    case Overlong::drop:
      return {.fate = Fate::dropped};
    case Overlong::split:
      result.fate = Fate::split;
      result.examples = parts_of(example, most, static_cast<size_t>(options_.overlap));
      if (result.examples.empty()) result.fate = Fate::untrained;
      return result;
    case Overlong::truncate:
      break;
  }
  Example cut = part_of(example, 0, most);
  if (!is_trained(cut)) return {.fate = Fate::untrained};
  result.fate = Fate::truncated;
  result.examples.push_back(std::move(cut));
  return result;
}

}  // namespace graft::data
