#pragma once

#include <string>
#include <variant>
#include <vector>

#include "graft/nn/expert_linear.h"
#include "graft/nn/linear.h"
#include "graft/nn/norm.h"
#include "graft/ops/weight.h"

namespace graft::models {

namespace mx = mlx::core;

/// A linear layer, of one matrix or of experts, which can take an adapter.
using AnyLinear = std::variant<nn::Linear*, nn::ExpertLinear*>;

/// A matrix that is not a linear layer: the embedding [V, D], or a head that is not tied to it.
struct Matrix {
  std::string path;
  ops::Weight* weight;
  ops::Weight* tied = nullptr;  // the head, if it is this embedding again
  bool is_embedding = false;
  std::string tied_path = {};  // the head's, if it is tied
};

/// A vector that is not part of a layer or norm: the bias of the head, weights of attention heads.
struct Vector {
  std::string path;
  mx::array* values;
};

/// A part of a model that holds weights, by pointer into the model.
struct Part {
  int layer;  // -1: outside of the layers
  std::variant<nn::Linear*, nn::ExpertLinear*, nn::Norm*, Matrix, Vector> part;
};

/// A linear layer with the number of its layer.
struct LinearPart {
  int layer;
  AnyLinear linear;

  const std::string& path() const {
    return std::visit([](const auto* l) -> const std::string& { return l->path; }, linear);
  }
  /// The weight; for experts the first one's, as all are stored alike.
  const ops::Weight& weight() const {
    const auto* const* one = std::get_if<nn::Linear*>(&linear);
    return one != nullptr ? (*one)->weight
                          : std::get<nn::ExpertLinear*>(linear)->weights->each.front();
  }
  std::optional<nn::LoraAdapter>& adapter() const {
    return std::visit([](auto* l) -> std::optional<nn::LoraAdapter>& { return l->adapter; },
                      linear);
  }
};

/// The linear layers among parts, in their order.
std::vector<LinearPart> linears_of(const std::vector<Part>& parts);

}  // namespace graft::models
