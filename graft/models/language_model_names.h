#pragma once

#include <string>
#include <string_view>

#include "graft/io/model_folder.h"

namespace graft::models {

/// How a checkpoint names the tensors of its language model: as a plain language model
/// ("model.layers.0...", "lm_head.weight"), as one that was saved without its head ("layers.0..."),
/// or as a part of a multimodal one.
class LanguageModelNames {
 public:
  LanguageModelNames() = default;
  /// Chosen by the folder's config: those of a part if it is multimodal.
  static LanguageModelNames of(const io::ModelFolder& folder);
  /// Those of a multimodal checkpoint: "language_model.model.layers.0..." (the Hub's, and mlx-lm's)
  /// or "model.language_model.layers.0..." (transformers 5). Throws Error if it has neither.
  static LanguageModelNames of_part(const io::ModelFolder& folder);

  /// The checkpoint's name for a tensor or path.
  std::string stored(const std::string& name) const;
  /// The Hub's name for a stored one.
  std::string as_on_the_hub(const std::string& stored) const;
  /// The inverse of `as_on_the_hub`: the checkpoint's name.
  std::string stored_of_hub(const std::string& name) const;
  /// Whether a tensor belongs to the checkpoint's other parts: the vision tower and its projector.
  bool is_other_part(std::string_view stored) const;

 private:
  enum class Layout { whole, bare, prefixed, within_model } layout_ = Layout::whole;
};

}  // namespace graft::models
