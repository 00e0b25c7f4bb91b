#include "graft/models/tied_head.h"

#include "graft/base/config_reader.h"

namespace graft::models {
namespace {

bool is_tied_unless_said(const ConfigReader& config) {
  const std::string family = config.text("model_type", "");
  for (const char* tied : {"gemma", "gemma2", "gemma3", "gemma3_text", "smollm3", "starcoder2"}) {
    if (family == tied) return true;
  }
  return false;
}

}  // namespace

bool has_own_head(const io::ModelFolder& folder, const LanguageModelNames& names) {
  // Of a multimodal model the outer config counts.
  const ConfigReader config(folder.config(), (folder.path() / "config.json").string());
  const std::string head = names.stored("lm_head");
  if (!folder.has(head + ".weight")) return !config.boolean("tie_word_embeddings", true);
  return !config.boolean("tie_word_embeddings", is_tied_unless_said(config)) ||
         !folder.same_layer(head, names.stored("model.embed_tokens"));
}

}  // namespace graft::models
