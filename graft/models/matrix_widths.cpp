#include "graft/models/matrix_widths.h"

#include "graft/models/language_model_names.h"
#include "graft/models/registry.h"

namespace graft::models {
namespace {

std::map<std::string, int> widths_of(const io::ModelFolder& folder) {
  std::map<std::string, int> widths;
  if (!is_known_family(folder.config())) return widths;
  const auto names = LanguageModelNames::of(folder);
  const auto add = [&](const std::string& path, int width) {
    widths[names.stored_of_hub(path)] = width;
  };
  // Of a model without its weights all layers are made by the config alone.
  const auto model = load_stored_model(io::ModelFolder::of_config(folder.path(), folder.config()));
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
  return widths;
}

}  // namespace

std::optional<int> MatrixWidths::of(const std::string& path) {
  if (!widths_) widths_ = widths_of(folder_);
  const auto found = widths_->find(path);
  return found == widths_->end() ? std::nullopt : std::optional(found->second);
}

}  // namespace graft::models
