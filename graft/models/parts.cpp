#include "graft/models/parts.h"

namespace graft::models {

std::vector<LinearPart> linears_of(const std::vector<Part>& parts) {
  std::vector<LinearPart> linears;
  for (const Part& part : parts) {
    if (auto* const* linear = std::get_if<nn::Linear*>(&part.part)) {
      linears.push_back({part.layer, *linear});
    } else if (auto* const* experts = std::get_if<nn::ExpertLinear*>(&part.part)) {
      linears.push_back({part.layer, *experts});
    }
  }
  return linears;
}

std::vector<LinearPart> adaptable_of(const std::vector<Part>& parts) {
  std::vector<LinearPart> all = linears_of(parts);
  for (const Part& part : parts) {
    if (const auto* matrix = std::get_if<Matrix>(&part.part)) {
      all.push_back({part.layer, matrix->layer});
    }
  }
  return all;
}

}  // namespace graft::models
