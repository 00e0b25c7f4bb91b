#include "graft/nn/kv_cache.h"

#include <mlx/ops.h>

#include <algorithm>

#include "graft/ops/rows.h"

namespace graft::nn {
namespace {

constexpr int kFirstCapacity = 256;  // tokens

void write_rows(std::optional<mx::array>& cache, const mx::array& rows, int at) {
  int n = rows.shape(0), width = rows.shape(1);
  int capacity = cache ? cache->shape(0) : 0;
  if (at + n > capacity) {
    int larger = std::max({2 * capacity, at + n, kFirstCapacity});
    mx::array fresh = mx::zeros({larger - capacity, width}, rows.dtype());
    cache = cache ? mx::concatenate({*cache, fresh}, 0) : fresh;
  }
  // Given up by us, the buffer can be written into.
  mx::array old = std::move(*cache);
  cache.reset();
  cache = ops::write_rows(std::move(old), rows, at);
}

}  // namespace

std::pair<mx::array, mx::array> KvCache::append(int layer, const mx::array& k, const mx::array& v) {
  Layer& held = layers_[static_cast<size_t>(layer)];
  write_rows(held.k, k, length_);
  write_rows(held.v, v, length_);
  return {*held.k, *held.v};
}

std::vector<mx::array> KvCache::arrays() const {
  std::vector<mx::array> all;
  for (const Layer& layer : layers_) {
    if (layer.k) all.push_back(*layer.k);
    if (layer.v) all.push_back(*layer.v);
  }
  return all;
}

}  // namespace graft::nn
