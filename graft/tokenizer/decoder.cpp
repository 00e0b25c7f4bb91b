#include "graft/tokenizer/decoder.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "graft/tokenizer/literal_matches.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

constexpr std::string_view kReplacementCharacter = "\uFFFD";

// The byte of a piece <0xXX>.
std::optional<char> byte_of(std::string_view piece) {
  if (piece.size() != 6 || !piece.starts_with("<0x") || piece.back() != '>') return std::nullopt;
  unsigned value = 0;
  const char* end = piece.data() + 5;
  auto [at, error] = std::from_chars(piece.data() + 3, end, value, 16);
  if (error != std::errc() || at != end) return std::nullopt;
  return static_cast<char>(value);
}

}  // namespace

DecodeState::DecodeState(const Decoder& decoder)
    : decoder_(&decoder), memory_(decoder.steps().size()) {}

void DecodeState::push(std::string_view piece, std::string& text) {
  run(0, {piece, true, true}, text);
}

void DecodeState::finish(std::string& text) {
  for (size_t i = 0; i < memory_.size(); ++i) {
    const Decoder::Step& step = decoder_->steps()[i];
    if (std::holds_alternative<Decoder::ByteFallback>(step)) flush_bytes(i, text);
    if (std::holds_alternative<Decoder::Fuse>(step) && memory_[i].pieces > 0) {
      run(i + 1, {{}, false, true}, text);
    }
    memory_[i] = {};
  }
}

void DecodeState::run(size_t step, Part part, std::string& text) {
  if (step == memory_.size()) {
    text += part.text;
  } else {
    std::visit([&](const auto& kind) { apply(step, kind, part, text); }, decoder_->steps()[step]);
  }
}

void DecodeState::apply(size_t step, const Decoder::ByteFallback&, Part part, std::string& text) {
  if (std::optional<char> byte = byte_of(part.text)) {
    memory_[step].bytes += *byte;
    return;
  }
  flush_bytes(step, text);
  run(step + 1, part, text);
}

void DecodeState::flush_bytes(size_t step, std::string& text) {
  std::string bytes = std::exchange(memory_[step].bytes, {});
  if (bytes.empty()) return;
  if (unicode::valid_prefix(bytes) == bytes.size()) {
    return run(step + 1, {bytes, true, true}, text);
  }
  for (size_t i = 0; i < bytes.size(); ++i) {
    run(step + 1, {kReplacementCharacter, true, true}, text);
  }
}

void DecodeState::apply(size_t step, const Decoder::Fuse&, Part part, std::string& text) {
  bool begins = memory_[step].pieces++ == 0;
  run(step + 1, {part.text, begins, false}, text);
}

void DecodeState::apply(size_t step, const Decoder::Strip& strip, Part part, std::string& text) {
  Memory& memory = memory_[step];
  if (part.begins) {
    memory = Memory{};
    memory.at_start = true;
  }
  std::string_view rest = part.text;
  while (memory.at_start && memory.stripped < strip.start && rest.starts_with(strip.content)) {
    rest.remove_prefix(strip.content.size());
    ++memory.stripped;
  }
  if (!rest.empty()) memory.at_start = false;

  // The last `stop` copies of `content` at the end are held back.
  std::string_view body = rest;
  size_t at_end = 0;
  while (at_end < strip.stop && body.ends_with(strip.content)) {
    body.remove_suffix(strip.content.size());
    ++at_end;
  }
  std::string output;
  size_t waiting = memory.held + at_end;
  size_t certain = body.empty() ? waiting - std::min(waiting, strip.stop) : memory.held;
  for (size_t i = 0; i < certain; ++i) output += strip.content;
  output += body;
  memory.held = waiting - certain;
  if (part.ends) memory.held = 0;
  run(step + 1, {output, part.begins, part.ends}, text);
}

void DecodeState::apply(size_t step, const Decoder::Metaspace& metaspace, Part part,
                        std::string& text) {
  bool drops = memory_[step].pieces++ == 0 && metaspace.drops_first;
  std::vector<Span> places;
  find_literal(metaspace.replacement, part.text, places);
  std::string output;
  size_t done = 0;
  for (const Span& place : places) {
    output += part.text.substr(done, place.begin - done);
    if (!drops) output += ' ';
    done = place.end;
  }
  output += part.text.substr(done);
  run(step + 1, {output, part.begins, part.ends}, text);
}

void DecodeState::apply(size_t step, const Replacement& replacement, Part part, std::string& text) {
  run(step + 1,
      {replacement.apply(part.text, most_grown(part.text.size())), part.begins, part.ends}, text);
}

void DecodeState::apply(size_t step, const Decoder::JoinWithSpaces&, Part part, std::string& text) {
  if (memory_[step].pieces++ > 0) run(step + 1, {" ", true, true}, text);
  run(step + 1, part, text);
}

}  // namespace graft::tokenizer
