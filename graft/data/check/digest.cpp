#include "graft/data/check/digest.h"

#include <algorithm>

#include "graft/base/hash.h"
#include "graft/unicode/unicode.h"

namespace graft::data::check {
namespace {

constexpr uint64_t kEnd = 0x9e3779b97f4a7c15;  // of a text: what no byte does

uint64_t ended(uint64_t state) { return split_mix(state ^ kEnd); }

uint64_t hash_of(const std::vector<Part>& parts, uint64_t state) {
  for (const Part& part : parts) {
    state = ended(fnv1a(part.role, state));
    state = ended(check::hash_of(part.text, state));
    if (!part.more.empty()) state = ended(fnv1a(part.more, state));
  }
  return state;
}

bool has_text(const std::vector<Part>& parts) {
  return std::any_of(parts.begin(), parts.end(), [](const Part& part) { return !part.is_blank(); });
}

}  // namespace

uint64_t hash_of(std::string_view text, uint64_t state) {
  bool space = false, begun = false;
  const auto add = [&](std::string_view bytes) {
    if (space && begun) state = fnv1a(" ", state);
    space = false;
    begun = true;
    state = fnv1a(bytes, state);
  };
  for (size_t i = 0; i < text.size();) {
    const char c = text[i];
    if (static_cast<unsigned char>(c) < 0x80) {
      if (c == ' ' || (c >= '\t' && c <= '\r')) {
        space = true;
      } else {
        add(text.substr(i, 1));
      }
      ++i;
      continue;
    }
    const unicode::CodePoint point = unicode::decode(text.data() + i);
    if (unicode::properties_of(point.value).in(unicode::kSpaces)) {
      space = true;
    } else {
      add(text.substr(i, point.size));
    }
    i += point.size;
  }
  return state;
}

Digest digest_of(const RecordView& view) {
  Digest digest;
  const bool answered = std::any_of(view.answers.begin(), view.answers.end(), has_text);
  if (!answered && !has_text(view.prompt)) return digest;
  uint64_t prompt = ended(fnv1a(view.variables));
  prompt = ended(hash_of(view.prompt, prompt));
  digest.content = prompt;
  for (const auto& answer : view.answers) digest.content = ended(hash_of(answer, digest.content));
  if (view.label) digest.content = split_mix(digest.content + (*view.label ? 1 : 2));
  if (view.is_text || !answered || !has_text(view.prompt)) return digest;
  const uint64_t first = hash_of(view.answers[0], kFnv1aStart);
  digest.prompt = prompt;
  digest.answer = first;
  if (view.label) {  // the verdict is what can contradict
    digest.prompt = split_mix(prompt ^ first);
    digest.answer = *view.label ? 1 : 2;
  } else if (view.answers.size() == 2) {  // the same two answers, the other way round
    const uint64_t second = hash_of(view.answers[1], kFnv1aStart);
    digest.prompt =
        split_mix(prompt ^ split_mix(std::min(first, second)) ^ std::max(first, second));
  }
  return digest;
}

}  // namespace graft::data::check
