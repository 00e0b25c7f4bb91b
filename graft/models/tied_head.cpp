#include "graft/models/tied_head.h"

#include "graft/base/config_reader.h"
#include "graft/models/traits.h"

namespace graft::models {

bool has_own_head(const io::ModelFolder& folder, const LanguageModelNames& names) {
  // For a multimodal model, the outer config decides.
  const ConfigReader config(folder.config(), (folder.path() / "config.json").string());
  if (folder.is_config_alone()) {
    return !config.boolean("tie_word_embeddings", traits_of(folder.config()).tied_head);
  }
  const std::string head = names.stored("lm_head");
  if (!folder.has(head + ".weight")) return !config.boolean("tie_word_embeddings", true);
  return !config.boolean("tie_word_embeddings", traits_of(folder.config()).tied_head) ||
         !folder.same_layer(head, names.stored("model.embed_tokens"));
}

}  // namespace graft::models
