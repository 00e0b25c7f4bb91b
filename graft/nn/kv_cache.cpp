#include "graft/nn/kv_cache.h"

#include <mlx/ops.h>

#include <algorithm>

#include "graft/base/error.h"

namespace graft::nn {
namespace {

size_t blocks_for(int rows) {
  return static_cast<size_t>((rows + kCacheBlockRows - 1) / kCacheBlockRows);
}

void write_rows(std::vector<mx::array>& blocks, const mx::array& rows, ops::RowRange which,
                int at) {
  const auto [begin, n] = which;
  const int width = rows.shape(1);
  while (blocks.size() < blocks_for(at + n)) {
    blocks.push_back(mx::zeros({kCacheBlockRows, width}, rows.dtype()));
  }
  for (int done = 0; done < n;) {
    mx::array& block = blocks[static_cast<size_t>((at + done) / kCacheBlockRows)];
    const int row = (at + done) % kCacheBlockRows;
    const int count = std::min(n - done, kCacheBlockRows - row);
    ops::write_rows(block, row, rows, {begin + done, count});
    done += count;
  }
}

}  // namespace

const LayerKeysValues& KvCache::append(int layer, const mx::array& k, const mx::array& v) {
  return append(layer, k, v, {0, k.shape(0)});
}

const LayerKeysValues& KvCache::append(int layer, const mx::array& k, const mx::array& v,
                                       ops::RowRange rows) {
  LayerKeysValues& held = layers_[static_cast<size_t>(layer)];
  write_rows(held.k, k, rows, length_);
  write_rows(held.v, v, rows, length_);
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

std::vector<Sequence> cached_sequences(std::span<KvCache* const> caches,
                                       std::span<const int> counts) {
  std::vector<Sequence> sequences;
  int64_t query = 0, key = 0;
  for (size_t i = 0; i < caches.size(); ++i) {
    const int keys = caches[i]->length() + counts[i];
    sequences.push_back({query, query + counts[i], key, key + keys});
    query += counts[i];
    key += static_cast<int64_t>(blocks_for(keys)) * kCacheBlockRows;
  }
  return sequences;
}

LayerKeysValues append(std::span<KvCache* const> caches, std::span<const Sequence> sequences,
                       int layer, const mx::array& k, const mx::array& v) {
  LayerKeysValues all;
  for (size_t i = 0; i < caches.size(); ++i) {
    const Sequence& s = sequences[i];
    const LayerKeysValues& held = caches[i]->append(
        layer, k, v, {static_cast<int>(s.query_begin), static_cast<int>(s.queries())});
    all.k.insert(all.k.end(), held.k.begin(), held.k.end());
    all.v.insert(all.v.end(), held.v.begin(), held.v.end());
  }
  return all;
}

}  // namespace graft::nn
