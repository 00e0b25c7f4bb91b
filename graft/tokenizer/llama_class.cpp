#include "graft/tokenizer/llama_class.h"

#include <algorithm>

namespace graft::tokenizer {
namespace {

using nlohmann::json;

bool has_byte_level(const json& component) {
  if (!component.is_object()) return false;
  if (component.value("type", json()) == "ByteLevel") return true;
  auto parts = component.find("pretokenizers");
  if (parts == component.end() || !parts->is_array()) return false;
  return std::any_of(parts->begin(), parts->end(), has_byte_level);
}

}  // namespace

void rebuild_as_llama(const TokenizerConfig& config, json& document, json& options) {
  if (options.value("type", json("BPE")) != "BPE") return;
  if (has_byte_level(document.value("pre_tokenizer", json()))) return;
  const bool prefix = config.add_prefix_space.value_or(true);
  const char* scheme = !prefix ? "never" : config.legacy.value_or(false) ? "always" : "first";
  document["normalizer"] = nullptr;
  document["pre_tokenizer"] = {{"type", "Metaspace"},
                               {"replacement", "\u2581"},
                               {"prepend_scheme", scheme},
                               {"split", false}};
  json steps = {{{"type", "Replace"}, {"pattern", {{"String", "\u2581"}}}, {"content", " "}},
                {{"type", "ByteFallback"}},
                {{"type", "Fuse"}}};
  if (prefix) {
    steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  }
  document["decoder"] = {{"type", "Sequence"}, {"decoders", std::move(steps)}};
  options["byte_fallback"] = true;
  options["fuse_unk"] = true;
  options["ignore_merges"] = false;
  options["unk_token"] = nullptr;
}

}  // namespace graft::tokenizer
