#pragma once

#include <string>
#include <string_view>

#include "graft/io/model_folder.h"

namespace graft::models {

/// How a checkpoint spells the tensors of its language model: as one that is nothing else
/// ("model.layers.0...", "lm_head.weight"), or as a part of a multimodal one.
class LanguageModelNames {
 public:
  LanguageModelNames() = default;
  /// By the folder's config: those of a part if it is multimodal.
  static LanguageModelNames of(const io::ModelFolder& folder);
  /// Of a multimodal checkpoint: "language_model.model.layers.0..." (the Hub's, and mlx-lm's) or
  /// "model.language_model.layers.0..." (transformers 5). Throws Error if it has neither.
  static LanguageModelNames of_part(const io::ModelFolder& folder);

  /// The checkpoint's name of a tensor or path.
  std::string stored(const std::string& name) const;
  /// The Hub's name of a stored one.
  std::string as_on_the_hub(const std::string& stored) const;
  /// The checkpoint's name of what `as_on_the_hub` has named.
  std::string stored_of_hub(const std::string& name) const;
  /// Whether a tensor belongs to the checkpoint's other parts: images and what projects them.
  bool is_other_part(std::string_view stored) const;

 private:
  enum class Layout { whole, prefixed, within_model } layout_ = Layout::whole;
};

}  // namespace graft::models
