#include "graft/gguf/special_ids.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::gguf {
namespace {

// Where llama.cpp ends whatever the file says (special_eog_ids in its src/llama-vocab.cpp).
constexpr std::array<std::string_view, 23> kKnownEnds = {"<|eot_id|>",
                                                         "<|im_end|>",
                                                         "<|end|>",
                                                         "<|return|>",
                                                         "<|call|>",
                                                         "<|flush|>",
                                                         "<|calls|>",
                                                         "<end_of_turn>",
                                                         "<|endoftext|>",
                                                         "</s>",
                                                         "<|eom_id|>",
                                                         "<EOT>",
                                                         "_<EOT>",
                                                         "[EOT]",
                                                         "[EOS]",
                                                         "<|end_of_text|>",
                                                         "<end_of_utterance>",
                                                         "<eos>",
                                                         "<turn|>",
                                                         "<|tool_response>",
                                                         "[e~[",
                                                         "<\uff5cend\u2581of\u2581sentence\uff5c>",
                                                         "<|fim_pad|>"};
constexpr std::string_view kEndOfMessage = "<|eom_id|>";

using Id = SpecialIds::Id;

// A config's number or list of numbers; all else is passed over.
std::vector<int64_t> ids_of(const json& config, const char* key) {
  std::vector<int64_t> ids;
  const auto found = config.find(key);
  if (found == config.end()) return ids;
  const auto add = [&](const json& value) {
    if (value.is_number_integer()) ids.push_back(value.get<int64_t>());
  };
  if (!found->is_array()) add(*found);
  if (found->is_array()) std::for_each(found->begin(), found->end(), add);
  return ids;
}

class NamedIds {
 public:
  NamedIds(const Tokens& tokens, const io::ModelFolder& source)
      : tokens_(tokens), config_(source.config()) {
    const fs::path generation = source.path() / "generation_config.json";
    if (is_there(generation)) generation_ = io::read_json_object(generation);
  }

  // Ids of a key, without those that are no tokens: generation_config.json's count before the
  // config's own.
  std::vector<int32_t> named(const char* key) const {
    std::vector<int32_t> ids;
    std::vector<int64_t> found = ids_of(generation_, key), more = ids_of(config_, key);
    if (const auto part = config_.find("text_config"); part != config_.end() && part->is_object()) {
      const std::vector<int64_t> deeper = ids_of(*part, key);
      more.insert(more.end(), deeper.begin(), deeper.end());
    }
    found.insert(found.end(), more.begin(), more.end());
    for (const int64_t id : found) {
      if (id < 0 || id >= static_cast<int64_t>(tokens_.texts.size())) continue;
      const auto small = static_cast<int32_t>(id);
      if (tokens_.types[static_cast<size_t>(id)] == TokenType::unused) continue;
      if (std::find(ids.begin(), ids.end(), small) == ids.end()) ids.push_back(small);
    }
    return ids;
  }

  bool is_known_end(int32_t id) const {
    return std::find(kKnownEnds.begin(), kKnownEnds.end(), text(id)) != kKnownEnds.end();
  }

  const std::string& text(int32_t id) const { return tokens_.texts[static_cast<size_t>(id)]; }

 private:
  const Tokens& tokens_;
  const json& config_;
  json generation_ = json::object();
};

Id first_of(const std::vector<int32_t>& ids) { return ids.empty() ? Id() : Id(ids.front()); }

// The one token that is put around every text on a side; `token` becomes it.
bool surrounds(const std::vector<int32_t>& around, std::string_view side, Id& token,
               const std::string& name) {
  if (around.size() > 1) {
    fail("{}: puts {} tokens {} every text; a GGUF file can say one", name, around.size(), side);
  }
  if (!around.empty()) token = around.front();
  return !around.empty();
}

}  // namespace

SpecialIds special_ids_of(const tokenizer::ResolvedTokenizer& tokenizer, const Tokens& tokens,
                          const io::ModelFolder& source, const std::string& name,
                          FrontEnd& front_end) {
  const NamedIds special(tokens, source);
  std::vector<int32_t> ends = special.named("eos_token_id");
  SpecialIds ids{.bos = tokenizer.bos,
                 .eos = tokenizer.eos,
                 .unk = tokenizer.id_of("unk_token"),
                 .sep = tokenizer.id_of("sep_token"),
                 .pad = tokenizer.id_of("pad_token"),
                 .mask = tokenizer.id_of("mask_token")};
  if (!ids.unk) ids.unk = tokenizer.spec.model.bpe()->model().unknown_id;
  if (!ids.bos) ids.bos = first_of(special.named("bos_token_id"));
  if (!ids.eos) ids.eos = first_of(ends);
  if (ids.eos) ends.push_back(*ids.eos);
  const tokenizer::PostProcessor& post = tokenizer.spec.post_processor;
  ids.add_bos = surrounds(post.prefix, "before", ids.bos, name);
  ids.add_eos = surrounds(post.suffix, "after", ids.eos, name);
  if (!ids.eos) {
    front_end.warn("{}: names no token that ends a text, and llama.cpp has to take one", name);
    ids.eos = ids.pad ? ids.pad : ids.unk;
  }
  if (!ids.bos) ids.bos = ids.eos;

  std::erase_if(ends, [&](int32_t id) { return id == ids.eos; });
  std::stable_partition(ends.begin(), ends.end(),
                        [&](int32_t id) { return !special.is_known_end(id); });
  for (const int32_t id : ends) {
    Id& place = special.text(id) == kEndOfMessage ? ids.eom : !ids.eot ? ids.eot : ids.eom;
    if (!place) {
      place = id;
    } else if (place != id && !special.is_known_end(id)) {
      front_end.warn("{}: has more ends of text than a GGUF file can name: {} is left out", name,
                     io::in_quotes(special.text(id)));
    }
  }
  return ids;
}

}  // namespace graft::gguf
