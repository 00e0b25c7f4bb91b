#include "graft/lora/same_form.h"

#include <mlx/ops.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/lora/layer_pairs.h"

namespace graft::lora {
namespace {

// More zeros than this, and several times the adapter's own numbers, are no rank that somebody
// meant: elements.
constexpr size_t kMostZeros = size_t{1} << 28;
constexpr size_t kMostTimes = 8;

// Throws Error if one layer's rank makes the others too large.
void check_rank(const AdapterFile& file, const std::map<std::string, LayerPair>& layers, int rank) {
  size_t numbers = 0, padded_numbers = 0;
  int least = rank;
  for (const auto& [layer, pair] : layers) {
    for (const AdapterTensor* tensor : {pair.a, pair.b}) {
      size_t own = 1;
      for (const int size : tensor->shape) own *= static_cast<size_t>(size);
      numbers += own;
      padded_numbers +=
          own / static_cast<size_t>(std::max(1, pair.rank())) * static_cast<size_t>(rank);
    }
    least = std::min(least, pair.rank());
  }
  if (padded_numbers - numbers <= kMostZeros || padded_numbers / kMostTimes <= numbers) return;
  fail(
      "{}: its layers have ranks of {} to {}, and a layout with one rank for all would hold {:.1f} "
      "GB "
      "for {:.1f} GB: `.npz` and `.safetensors` hold each layer's own",
      file.path.string(), least, rank, static_cast<double>(padded_numbers) * 4e-9,
      static_cast<double>(numbers) * 4e-9);
}

AdapterTensor padded(const AdapterTensor& tensor, int axis, int rank) {
  mx::Shape shape = tensor.shape;
  const auto at = static_cast<size_t>(axis);
  if (shape[at] == rank) return tensor;
  const int more = rank - shape[at];
  shape[at] = rank;
  return {shape, [tensor, axis, more] {
            const mx::array values = tensor.load();
            mx::Shape zeros = values.shape();
            zeros[static_cast<size_t>(axis)] = more;
            return mx::concatenate({values, mx::zeros(zeros, values.dtype())}, axis);
          }};
}

// Of an adapter whose second half is frozen: each half has its zeros behind it, which no step
// changes, since their gradients are zero.
AdapterTensor padded_halves(const AdapterTensor& tensor, int axis, int rank) {
  const auto at = static_cast<size_t>(axis);
  if (tensor.shape[at] == rank) return tensor;
  const int half = tensor.shape[at] / 2;
  const auto part = [&](int from) {
    mx::Shape begin(tensor.shape.size(), 0), end = tensor.shape;
    begin[at] = from;
    end[at] = from + half;
    mx::Shape shape = tensor.shape;
    shape[at] = half;
    const AdapterTensor own = {
        shape, [tensor, begin, end] { return mx::slice(tensor.load(), begin, end); }};
    return padded(own, axis, rank / 2);
  };
  mx::Shape shape = tensor.shape;
  shape[at] = rank;
  return {shape, [axis, trained = part(0), frozen = part(half)] {
            return mx::concatenate({trained.load(), frozen.load()}, axis);
          }};
}

// Other scales are in lora_b.
AdapterFile with_one_scale(const AdapterFile& file) {
  const float common = settings_of(file).scale;
  AdapterFile one = file;
  one.scales.clear();
  for (const auto& [layer, scale] : file.scales) {
    if (scale == common) continue;
    const auto found = one.tensors.find(layer + ".lora_b");
    if (found == one.tensors.end()) continue;
    if (common == 0) fail("{}: its scale is 0", file.path.string());
    const float ratio = scale / common;
    const AdapterTensor b = found->second;
    found->second = {b.shape, [b, ratio] {
                       return mx::multiply(mx::astype(b.load(), mx::float32), mx::array(ratio));
                     }};
  }
  return one;
}

}  // namespace

AdapterFile in_one_form(const AdapterFile& file) {
  AdapterFile one = with_one_scale(file);
  int rank = 0;
  const auto layers = layer_pairs(one);
  for (const auto& [layer, pair] : layers) rank = std::max(rank, pair.rank());
  check_rank(file, layers, rank);
  const auto pad = one.settings->half_is_frozen ? padded_halves : padded;
  for (const auto& [layer, pair] : layers) {
    const AdapterTensor a = *pair.a, b = *pair.b;
    one.tensors.at(layer + ".lora_a") = pad(a, pair.a_axis(), rank);
    one.tensors.at(layer + ".lora_b") = pad(b, pair.b_axis(), rank);
  }
  one.settings->rank = one.settings->half_is_frozen ? rank / 2 : rank;
  return one;
}

}  // namespace graft::lora
