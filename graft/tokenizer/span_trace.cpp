#include "graft/tokenizer/span_trace.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

bool is_continuation(char c) { return (static_cast<unsigned char>(c) & 0xC0) == 0x80; }

// How ByteLevel spells a space, which its trimming takes for one in any token.
constexpr uint32_t kSpelledSpace = 0x120;

bool is_trimmed(std::string_view text, size_t at) {
  const uint32_t c = unicode::decode(text.data() + at).value;
  return c == kSpelledSpace || unicode::properties_of(c).in(unicode::kSpaces);
}

size_t leading_spaces(std::string_view text) {
  return std::min(text.find_first_not_of(' '), text.size());
}

size_t trailing_spaces(std::string_view text) {
  const size_t last = text.find_last_not_of(' ');
  return last == std::string_view::npos ? text.size() : text.size() - 1 - last;
}

}  // namespace

void SpanTrace::begin_text(std::string_view text, const PostProcessor& post, size_t tokens_before) {
  text_ = text;
  post_ = &post;
  first_of_text_ = tokens_before;
  spans_.assign(tokens_before, Span{});
}

void SpanTrace::begin_piece(Span piece) {
  piece_ = piece;
  stretch_ = 0;
  normal_.clear();
  words_.clear();
}

std::string SpanTrace::normalize(const Normalizer& normalizer, std::string_view piece,
                                 Origins* origins) {
  std::string result = normalizer.apply(piece, &normal_);
  if (!normal_.empty() && normal_.front() == kNoOrigin) {
    fail("the tokenizer's normalizer puts text at the beginning, which has no place in it");
  }
  if (origins != nullptr) *origins = normal_;
  return result;
}

void SpanTrace::split(const PreTokenizer& pre_tokenizer, std::string_view stretch, size_t begin,
                      size_t beginning, PreTokenizer::Words& words) {
  stretch_ = begin;
  pre_tokenizer.split(stretch, beginning, words, words_);
}

// From the character of one byte to that of another.
Span SpanTrace::whole_characters(size_t first, size_t last) const {
  while (is_continuation(text_[first])) --first;
  size_t end = last + 1;
  while (end < text_.size() && is_continuation(text_[end])) ++end;
  return {first, end};
}

void SpanTrace::add_token(Span span) {
  add_trimmed(text_.substr(span.begin, span.end - span.begin), span);
}

void SpanTrace::add_normalized_token(std::string_view text, Span span) {
  add_trimmed(text.substr(span.begin, span.end - span.begin),
              whole_characters(origin(span.begin), origin(span.end - 1)));
}

// The span of an added token that was found as this text.
void SpanTrace::add_trimmed(std::string_view text, Span span) {
  size_t leading = 0, trailing = 0;
  for (size_t at = 0; at < text.size() && is_trimmed(text, at); ++leading) {
    at += unicode::sequence_size(text[at]);
  }
  for (size_t end = text.size(); end > 0; ++trailing) {
    const size_t last = unicode::start_of_last(text, end);
    if (!is_trimmed(text, last)) break;
    end = last;
  }
  const size_t i = spans_.size();
  spans_.resize(i + 1);
  spans_[i] = trimmed(i, span, leading, trailing);
}

// The span of token i without as many characters as the token has spaces at its ends. Those of the
// text may be others: a normalizer may have made the spaces.
Span SpanTrace::trimmed(size_t i, Span span, size_t leading, size_t trailing) const {
  if (leading + trailing == 0) return span;
  for (const PostProcessor::Trim& trim : post_->trims) {
    const bool is_first = i == first_of_text_ || span.begin == 0;
    if (!(is_first && trim.keeps_first_space && leading == 1)) {
      for (size_t n = 0; n < leading && span.begin < span.end; ++n) {
        span.begin += unicode::sequence_size(text_[span.begin]);
      }
    }
    size_t end = span.end;
    size_t left = trailing;
    for (; left > 0 && end > 0; --left) end = unicode::start_of_last(text_, end);
    if (left == 0) span.end = std::max(end, span.begin);
  }
  return span;
}

void SpanTrace::encode(const Model& model, const PreTokenizer::Words& words,
                       Model::Workspace& workspace, std::vector<int32_t>& ids) {
  const bool trims = !post_->trims.empty();
  const Vocabulary& vocabulary = model.vocabulary();
  const TokenSizes& sizes = model.sizes();
  if (trims && vocabulary.spelling() == Spelling::literal) {
    fail(
        "spans of tokens are not supported for a tokenizer whose ByteLevel post-processor trims "
        "offsets while its pre-tokenizer is not ByteLevel");
  }
  const size_t first = spans_.size();
  const size_t first_id = ids.size();
  model.encode(words, workspace, ids, spans_);
  for (size_t i = first; i < spans_.size(); ++i) {
    Span& span = spans_[i];
    size_t begin = span.begin, last = span.end - 1;
    if (!words_.empty()) {
      begin = words_[begin];
      last = words_[last];
    }
    span = whole_characters(origin(stretch_ + begin), origin(stretch_ + last));
    if (!trims) continue;
    const int32_t id = ids[first_id + i - first];
    if (sizes.has_outer_space(id)) {
      const std::string_view bytes = vocabulary.bytes(id);
      span = trimmed(i, span, leading_spaces(bytes), trailing_spaces(bytes));
    }
  }
}

}  // namespace graft::tokenizer
