#include "graft/nn/kv_cache.h"

#include <mlx/ops.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/ops/rows.h"

namespace graft::nn {
namespace {

size_t blocks_for(int rows) {
  return static_cast<size_t>((rows + kCacheBlockRows - 1) / kCacheBlockRows);
}

void write_rows(std::vector<mx::array>& blocks, const mx::array& rows, int at) {
  const int n = rows.shape(0), width = rows.shape(1);
  while (blocks.size() < blocks_for(at + n)) {
    blocks.push_back(mx::zeros({kCacheBlockRows, width}, rows.dtype()));
  }
  for (int done = 0; done < n;) {
    mx::array& block = blocks[static_cast<size_t>((at + done) / kCacheBlockRows)];
    const int row = (at + done) % kCacheBlockRows;
    const int count = std::min(n - done, kCacheBlockRows - row);
    ops::write_rows(block, row, rows, {done, count});
    done += count;
  }
}

}  // namespace

LayerKeysValues KvCache::append(int layer, const mx::array& k, const mx::array& v) {
  LayerKeysValues& held = layers_[static_cast<size_t>(layer)];
  write_rows(held.k, k, length_);
  write_rows(held.v, v, length_);
  return held;
}

void KvCache::rewind(int length) {
  if (length < 0 || length > length_) {
    fail("internal: a cache of {} tokens has no first {}", length_, length);
  }
  length_ = length;
  for (LayerKeysValues& layer : layers_) {
    for (auto* blocks : {&layer.k, &layer.v}) {
      while (blocks->size() > blocks_for(length)) blocks->pop_back();
    }
  }
}

std::vector<mx::array> KvCache::arrays() const {
  std::vector<mx::array> all;
  for (const LayerKeysValues& layer : layers_) {
    all.insert(all.end(), layer.k.begin(), layer.k.end());
    all.insert(all.end(), layer.v.begin(), layer.v.end());
  }
  return all;
}

}  // namespace graft::nn
