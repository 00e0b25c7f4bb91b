#pragma once

#include <string>
#include <variant>
#include <vector>

#include "graft/nn/embedding.h"
#include "graft/nn/expert_linear.h"
#include "graft/nn/linear.h"
#include "graft/nn/norm.h"
#include "graft/ops/weight.h"

namespace graft::models {

namespace mx = mlx::core;

/// What can take an adapter: a linear layer, of one matrix or of experts, or the embedding.
using AnyLinear = std::variant<nn::Linear*, nn::ExpertLinear*, nn::Embedding*>;

/// A matrix that is not a linear layer: the embedding [V, D], or a head that is not tied to it.
struct Matrix {
  std::string path;
  ops::Weight* weight;
  ops::Weight* tied = nullptr;  // the head, if it is this embedding again
  std::string tied_path = {};   // the head's, if it is tied
  AnyLinear layer;              // that it is of

  bool is_embedding() const { return std::holds_alternative<nn::Embedding*>(layer); }
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

/// What can take an adapter, with the number of its layer; -1: outside of the layers.
struct LinearPart {
  int layer;
  AnyLinear linear;

  bool is_embedding() const { return std::holds_alternative<nn::Embedding*>(linear); }

  const std::string& path() const {
    return std::visit([](const auto* l) -> const std::string& { return l->path; }, linear);
  }
  /// The weight; for experts the first one's, as all are stored alike.
  const ops::Weight& weight() const {
    if (const auto* const* experts = std::get_if<nn::ExpertLinear*>(&linear)) {
      return (*experts)->weights->each.front();
    }
    const auto* const* one = std::get_if<nn::Linear*>(&linear);
    return one != nullptr ? (*one)->weight : std::get<nn::Embedding*>(linear)->weight;
  }
  std::optional<nn::LoraAdapter>& adapter() const {
    return std::visit([](auto* l) -> std::optional<nn::LoraAdapter>& { return l->adapter; },
                      linear);
  }
};

/// The linear layers among parts, in their order; not the head.
std::vector<LinearPart> linears_of(const std::vector<Part>& parts);

/// All parts that can take an adapter: these, then the embedding and a head of its own.
std::vector<LinearPart> adaptable_of(const std::vector<Part>& parts);

}  // namespace graft::models
