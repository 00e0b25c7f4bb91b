#include "graft/models/language_model_names.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/models/traits.h"

namespace graft::models {
namespace {

constexpr std::string_view kModel = "model.";
constexpr std::string_view kPart = "language_model.";
constexpr std::string_view kWithin = "model.language_model.";

bool any_begins(const io::ModelFolder& folder, std::string_view prefix) {
  const auto names = folder.names();
  return std::any_of(names.begin(), names.end(),
                     [&](const std::string& name) { return name.starts_with(prefix); });
}

bool is_head(std::string_view name) { return name == "lm_head" || name.starts_with("lm_head."); }

}  // namespace

LanguageModelNames LanguageModelNames::of(const io::ModelFolder& folder) {
  if (traits_of(folder.config()).multimodal) return of_part(folder);
  LanguageModelNames names;
  if (!any_begins(folder, kModel) && any_begins(folder, "layers.")) names.layout_ = Layout::bare;
  return names;
}

LanguageModelNames LanguageModelNames::of_part(const io::ModelFolder& folder) {
  LanguageModelNames names;
  if (any_begins(folder, kPart) || folder.is_config_alone()) {
    names.layout_ = Layout::prefixed;
  } else if (any_begins(folder, kWithin)) {
    names.layout_ = Layout::within_model;
  } else {
    fail("{}: has no tensors of a language model (language_model.model...)",
         folder.path().string());
  }
  return names;
}

std::string LanguageModelNames::stored(const std::string& name) const {
  if (layout_ == Layout::prefixed) return std::string(kPart) + name;
  if (layout_ == Layout::within_model && name.starts_with(kModel)) {
    return std::string(kWithin) + name.substr(kModel.size());
  }
  if (layout_ == Layout::bare && name.starts_with(kModel)) return name.substr(kModel.size());
  return name;
}

std::string LanguageModelNames::as_on_the_hub(const std::string& stored) const {
  if (layout_ == Layout::bare) return is_head(stored) ? stored : std::string(kModel) + stored;
  if (layout_ != Layout::within_model) return stored;
  if (stored.starts_with(kWithin)) {
    return std::string(kPart) + std::string(kModel) + stored.substr(kWithin.size());
  }
  return is_head(stored) ? std::string(kPart) + stored : stored;
}

std::string LanguageModelNames::stored_of_hub(const std::string& name) const {
  if (layout_ == Layout::bare) return stored(name);
  if (layout_ != Layout::within_model || !name.starts_with(kPart)) return name;
  return stored(name.substr(kPart.size()));
}

bool LanguageModelNames::is_other_part(std::string_view stored) const {
  if (layout_ == Layout::whole || layout_ == Layout::bare) return false;
  if (stored.starts_with(kModel)) stored.remove_prefix(kModel.size());
  return stored.starts_with("vision_tower.") || stored.starts_with("multi_modal_projector.");
}

}  // namespace graft::models
