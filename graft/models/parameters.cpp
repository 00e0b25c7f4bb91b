#include "graft/models/parameters.h"

#include <algorithm>

namespace graft::models {

ParameterSet::ParameterSet(std::vector<Parameter> parameters, std::function<void()> changed)
    : parameters_(std::move(parameters)), changed_(std::move(changed)) {
  std::sort(parameters_.begin(), parameters_.end(),
            [](const Parameter& a, const Parameter& b) { return a.name < b.name; });
}

std::vector<mx::array> ParameterSet::values() const {
  std::vector<mx::array> values;
  for (const Parameter& parameter : parameters_) values.push_back(*parameter.place);
  return values;
}

void ParameterSet::set(const std::vector<mx::array>& values) const {
  put(values);
  if (changed_) changed_();
}

void ParameterSet::put(const std::vector<mx::array>& values) const {
  for (size_t i = 0; i < parameters_.size(); ++i) put(i, values[i]);
}

void ParameterSet::put(size_t index, const mx::array& value) const {
  *parameters_[index].place = value;
  if (parameters_[index].also != nullptr) *parameters_[index].also = value;
}

std::vector<mx::array*> ParameterSet::of_layer(int layer) const {
  std::vector<mx::array*> places;
  for (const Parameter& parameter : parameters_) {
    if (parameter.layer == layer) places.push_back(parameter.place);
  }
  return places;
}

int ParameterSet::first_layer(int otherwise) const {
  int first = otherwise;
  for (const Parameter& parameter : parameters_) {
    first = std::min(first, std::max(0, parameter.layer));
  }
  return first;
}

bool ParameterSet::any_below(int layer) const {
  return std::any_of(parameters_.begin(), parameters_.end(),
                     [layer](const Parameter& p) { return p.layer < layer; });
}

size_t ParameterSet::count() const {
  size_t count = 0;
  for (const Parameter& parameter : parameters_) count += parameter.place->size();
  return count;
}

}  // namespace graft::models
