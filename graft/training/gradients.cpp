#include "graft/training/gradients.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cstdint>
#include <numeric>
#include <utility>

namespace graft::training {
namespace {
constexpr int64_t kGatheredPiece = 1 << 20, kReducedPiece = 1 << 25;  // numbers, of 4 MB and 128 MB
}

double weight_of(const std::vector<data::Batch>& group) {
  double weight = 0;
  for (const data::Batch& batch : group) weight += batch.weight();
  return weight;
}

Gradients::Gradients(const models::ParameterSet& parameters, double weight)
    : parameters_(parameters), weight_(weight > 0 ? weight : 1) {}

void Gradients::add(const Objective& objective, const models::LayerRunner& runner,
                    const data::Batch& batch, const models::Dropout& dropout) {
  // One batch's activations at a time.
  if (!sums_.empty()) {
    mx::eval(sums_);
    mx::eval(token_losses_);
  }
  const std::vector<mx::array> values = parameters_.values();
  std::vector<int> arguments(values.size());
  std::iota(arguments.begin(), arguments.end(), 0);
  auto loss_of = [&](const std::vector<mx::array>& parameters) -> std::vector<mx::array> {
    parameters_.put(parameters);
    const Loss loss =
        objective(runner, batch, {.divisor = weight_, .differentiated = true, .dropout = dropout});
    return {loss.sum, loss.losses};
  };
  auto [loss, gradients] = mx::value_and_grad(loss_of, arguments)(values);
  parameters_.put(values);
  token_losses_.push_back(loss[1]);
  if (sums_.empty()) {
    sums_ = std::move(gradients);
    loss_ = loss[0];
    return;
  }
  loss_ = mx::add(loss_, loss[0]);
  for (size_t i = 0; i < sums_.size(); ++i) sums_[i] = mx::add(sums_[i], gradients[i]);
}

void Gradients::sum_loss(const distributed::Group& ranks) {
  if (ranks.is_alone()) return;
  mx::eval(token_losses_);
  loss_ = ranks.sum(loss_);
}

void Gradients::sum(const std::vector<size_t>& indices, const distributed::Group& ranks,
                    distributed::WireType wire) {
  if (ranks.is_alone()) return;
  if (sums_.empty()) {
    for (const mx::array& value : parameters_.values()) {
      sums_.push_back(mx::zeros(value.shape(), mx::float32));
    }
  }
  std::vector<mx::array> own;
  uint64_t bytes = 0;
  for (const size_t i : indices) {
    own.push_back(mx::flatten(sums_[i]));
    bytes += own.back().nbytes();
  }
  mx::eval(own);
  // In pieces, so that what is gathered is small, or as large as an all-reduce wants it.
  const bool gathered = ranks.size() == 2 || bytes <= distributed::Group::kMostGathered;
  const int64_t most = gathered ? kGatheredPiece : kReducedPiece;
  std::vector<std::vector<mx::array>> parts(indices.size());
  struct Span {
    size_t of;
    int begin, end;
  };
  std::vector<Span> spans;
  int64_t room = most;
  const auto exchange = [&] {
    std::vector<mx::array> slices;
    for (const Span& span : spans) {
      slices.push_back(mx::slice(own[span.of], {span.begin}, {span.end}));
    }
    const mx::array sum = ranks.sum(mx::concatenate(slices), wire);
    int at = 0;
    for (const Span& span : spans) {
      parts[span.of].push_back(mx::slice(sum, {at}, {at + span.end - span.begin}));
      at += span.end - span.begin;
    }
    spans.clear();
    room = most;
  };
  for (size_t n = 0; n < own.size(); ++n) {
    const int64_t size = static_cast<int64_t>(own[n].size());
    for (int64_t begin = 0; begin < size;) {
      const int64_t end = std::min(size, begin + room);
      spans.push_back({n, static_cast<int>(begin), static_cast<int>(end)});
      room -= end - begin;
      begin = end;
      if (room == 0) exchange();
    }
  }
  if (!spans.empty()) exchange();
  for (size_t n = 0; n < indices.size(); ++n) {
    sums_[indices[n]] = mx::reshape(mx::concatenate(parts[n]), sums_[indices[n]].shape());
  }
}

mx::array Gradients::take(size_t index) { return std::exchange(sums_[index], mx::array(0.0f)); }

mx::array Gradients::norm() const {
  // Relative to the largest element, so that no square overflows.
  mx::array largest(0.0f);
  for (const mx::array& g : sums_) largest = mx::maximum(largest, mx::max(mx::abs(g)));
  const mx::array unit = mx::where(mx::greater(largest, mx::array(0.0f)), largest, mx::array(1.0f));
  mx::array squares(0.0f);
  for (const mx::array& g : sums_) {
    squares = mx::add(squares, mx::sum(mx::square(mx::divide(g, unit))));
  }
  return mx::multiply(unit, mx::sqrt(squares));
}

void Gradients::clip(float max_norm) {
  const mx::array norm = this->norm();
  const mx::array factor = mx::where(mx::greater(norm, mx::array(max_norm)),
                                     mx::divide(mx::array(max_norm), norm), mx::array(1.0f));
  for (mx::array& g : sums_) g = mx::multiply(g, factor);
}

}  // namespace graft::training
