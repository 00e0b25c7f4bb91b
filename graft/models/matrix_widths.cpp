#include "graft/models/matrix_widths.h"

#include "graft/base/error.h"
#include "graft/models/registry.h"

namespace graft::models {

MatrixWidths::MatrixWidths(const io::ModelFolder& folder) {
  try {
    // Of a model without its weights all layers are made by the config alone.
    const auto config = io::ModelFolder::of_config(folder.path(), folder.config());
    const auto names = LanguageModelNames::of(folder);
    const auto add = [&](const std::string& path, int width) {
      widths_[names.stored_of_hub(path)] = width;
    };
    const auto model = load_stored_model(config);
    for (const Part& part : model->parts()) {
      if (auto* const* linear = std::get_if<nn::Linear*>(&part.part)) {
        add((*linear)->path, (*linear)->in());
      } else if (auto* const* experts = std::get_if<nn::ExpertLinear*>(&part.part)) {
        add((*experts)->path, (*experts)->in());
        for (const std::string& path : (*experts)->paths) add(path, (*experts)->in());
      } else if (const auto* matrix = std::get_if<Matrix>(&part.part)) {
        add(matrix->path, matrix->weight->in());
        // A head that is tied may be stored again.
        add(names.as_on_the_hub(names.stored("lm_head")), matrix->weight->in());
      }
    }
  } catch (const Error&) {  // they are not known
    widths_.clear();
  }
}

std::optional<int> MatrixWidths::of(const std::string& path) const {
  const auto found = widths_.find(path);
  return found == widths_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace graft::models
