#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/component.h"
#include "graft/tokenizer/pipeline_reader.h"

namespace graft::tokenizer {
namespace {

using DecoderSteps = std::vector<Decoder::Step>;

// No tokenizer strips more than one; each may hold back a piece of streamed text.
constexpr int64_t kMostStripped = 64;

bool is_fused(const DecoderSteps& steps) {
  for (const Decoder::Step& step : steps) {
    if (std::holds_alternative<Decoder::Fuse>(step)) return true;
  }
  return false;
}

void add_steps(const JsonField& field, DecoderSteps& steps) {
  std::string type = component_type(field);
  if (type == "Sequence") {
    for (const JsonField& part : field.at("decoders").elements()) add_steps(part, steps);
    return;
  }
  if (is_fused(steps) && type != "Strip" && type != "Fuse") {
    fail("{}: only Strip may follow Fuse, and here stands {}", field.where(), io::in_quotes(type));
  }
  if (type == "ByteFallback") {
    steps.push_back(Decoder::ByteFallback{});
  } else if (type == "Fuse") {
    steps.push_back(Decoder::Fuse{});
  } else if (type == "Strip") {
    auto count = [&](const char* key) {
      return static_cast<size_t>(field.at(key).integer(0, kMostStripped));
    };
    steps.push_back(
        Decoder::Strip{read_character(field.at("content")), count("start"), count("stop")});
  } else if (type == "Metaspace") {
    std::optional<JsonField> scheme = field.find("prepend_scheme");
    bool never = scheme ? scheme->string() == "never" : !field.boolean_or("add_prefix_space", true);
    steps.push_back(Decoder::Metaspace{read_character(field.at("replacement")), !never});
  } else if (type == "Replace") {
    steps.push_back(Replacement(read_pattern(field.at("pattern")), field.at("content").string()));
  } else {
    refuse_component(field, type, "ByteFallback, Fuse, Strip, Metaspace, Replace, Sequence");
  }
}

// Accepts only sequences of ByteLevel.
void check_byte_level(const JsonField& field) {
  std::string type = component_type(field);
  if (type == "Sequence") {
    for (const JsonField& part : field.at("decoders").elements()) check_byte_level(part);
  } else if (type != "ByteLevel") {
    refuse_component(field, type, "ByteLevel (that of a byte-level pre-tokenizer)");
  }
}

}  // namespace

Decoder read_decoder(const JsonField& field, Spelling spelling) {
  DecoderSteps steps;
  if (spelling == Spelling::byte_level) {
    check_byte_level(field);
  } else {
    add_steps(field, steps);
  }
  check_parts(field, steps.size());
  return Decoder(std::move(steps));
}

}  // namespace graft::tokenizer
