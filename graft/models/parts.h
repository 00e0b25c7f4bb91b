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

/// A linear layer, of one matrix or of experts: what takes an adapter.
using AnyLinear = std::variant<nn::Linear*, nn::ExpertLinear*>;

/// A matrix that is no linear layer: the embedding [V, D], a head of its own.
struct Matrix {
  std::string path;
  ops::Weight* weight;
};

/// A vector that is no part of a layer or norm: a bias of the head, weights of heads.
struct Vector {
  std::string path;
  mx::array* values;
};

/// A part of a model that holds weights, where the model has it.
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
  /// Of experts the first one's, as which all are stored.
  const ops::Weight& weight() const {
    const auto* const* one = std::get_if<nn::Linear*>(&linear);
    return one != nullptr ? (*one)->weight : std::get<nn::ExpertLinear*>(linear)->weights.front();
  }
  std::optional<nn::LoraAdapter>& adapter() const {
    return std::visit([](auto* l) -> std::optional<nn::LoraAdapter>& { return l->adapter; },
                      linear);
  }
};

/// The linear layers among parts, in their order.
std::vector<LinearPart> linears_of(const std::vector<Part>& parts);

}  // namespace graft::models
