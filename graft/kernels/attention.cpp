#include "graft/kernels/attention.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "graft/base/thread_pool.h"
#include "graft/base/threads.h"
#include "graft/kernels/attention_plan.h"
#include "graft/kernels/isa.h"
#include "graft/kernels/scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/attention.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/words_f32-inl.h"
//
#include "graft/kernels/product-inl.h"
//
#include "graft/kernels/attention_backward-inl.h"
//
#include "graft/kernels/attention_decode-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

void forward_item_f32(const ForwardCall& call, const AttentionItem& item, std::byte* scratch) {
  f32_words::forward_item(call, item, scratch);
}

void forward_item_decode(const ForwardCall& call, const AttentionItem& item, std::byte* scratch) {
  decode_item(call, item, scratch);
}

void backward_item_f32(const BackwardCall& call, const AttentionItem& item,
                       const KeyGradients& sums, std::byte* scratch) {
  f32_words::backward_item(call, item, sums, scratch);
}

// Stores rows [begin, end) of one gradient of a key head, [keys, width]: the parts' sums, added in
// order, times `factor`.
void store_key_rows(const HeadRows& to, void* data, std::span<const KeyGradients> parts,
                    float* KeyGradients::*sums, float factor, int64_t begin, int64_t end) {
  const FloatTag d;
  const int64_t width = operand_width(to.head_dim);
  with_type(to.type, [&](auto tag) HWY_ATTR {
    using T = decltype(tag);
    for (int64_t row = begin; row < end; ++row) {
      T* out = static_cast<T*>(data) + to.at(row);
      for_vectors(hn::Lanes(d), 0, to.head_dim, [&](int64_t i, auto lanes) HWY_ATTR {
        auto sum = hn::Zero(d);
        for (const KeyGradients& part : parts) {
          if (row < part.key_begin || row >= part.key_end) continue;
          sum = hn::Add(sum, hn::Load(d, part.*sums + (row - part.key_begin) * width + i));
        }
        store(d, hn::Mul(sum, hn::Set(d, factor)), out + i, lanes);
      });
    }
  });
}

void store_key_gradients(const BackwardCall& call, const AttentionItem& item,
                         std::span<const KeyGradients> parts, int64_t begin, int64_t end) {
  const HeadRows d_k = f32_words::key_rows(call.shape, item, call.d_k);
  const HeadRows d_v = f32_words::key_rows(call.shape, item, call.d_v);
  store_key_rows(d_k, call.d_k, parts, &KeyGradients::d_k, call.shape.scale, begin, end);
  store_key_rows(d_v, call.d_v, parts, &KeyGradients::d_v, 1.0f, begin, end);
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(forward_item_f32);
HWY_EXPORT(forward_item_decode);
HWY_EXPORT(backward_item_f32);
HWY_EXPORT(store_key_gradients);

namespace {

ForwardItem choose_forward(const AttentionShape& shape) {
  const ForwardItem f32 = GRAFT_DISPATCH(forward_item_f32);
  if (shape.type != ScalarType::bf16 || !isa_has_avx512_bf16()) return f32;
  const ForwardItem best = isa_has_amx_bf16() ? amx_forward_item() : bf16_forward_item();
  return best != nullptr ? best : f32;
}

BackwardItem choose_backward(const AttentionShape& shape) {
  const BackwardItem f32 = GRAFT_DISPATCH(backward_item_f32);
  if (shape.type != ScalarType::bf16 || !isa_has_avx512_bf16()) return f32;
  const BackwardItem best = isa_has_amx_bf16() ? amx_backward_item() : bf16_backward_item();
  return best != nullptr ? best : f32;
}

void zero_rows(void* data, size_t row_bytes,
               const std::vector<std::pair<int64_t, int64_t>>& ranges) {
  for (const auto& [begin, end] : ranges) {
    std::memset(static_cast<std::byte*>(data) + static_cast<size_t>(begin) * row_bytes, 0,
                static_cast<size_t>(end - begin) * row_bytes);
  }
}

// Calls work(index, thread) for [0, count), on several threads if `operations` multiplications are
// worth it. Results do not depend on which thread takes which index.
template <class Work>
void for_each_item(int64_t count, double operations, Work&& work) {
  constexpr double kGrain = 1 << 16;  // multiplications that are worth a thread
  const double useful = std::min(static_cast<double>(count), operations / kGrain);
  if (useful >= 2) return run_parts(count, work);
  for (int64_t i = 0; i < count; ++i) work(i, 0);
}

// Multiplications of the forward's products; a key counts even if few queries see it.
double operations_of(const AttentionShape& shape, const AttentionItem& item) {
  const int64_t group = shape.heads / shape.kv_heads;
  const double scores = item.cost * static_cast<double>(group);
  const double keys = static_cast<double>(item.key_end() - item.key_begin());
  return 2 * (scores + keys) * static_cast<double>(shape.head_dim);
}

// One (sequence, key head) of the backward: its items, and where each one's sums are.
struct KeyHead {
  std::vector<AttentionItem> items;
  std::vector<KeyGradients> sums;
};

KeyGradients take_sums(Carver& carver, const AttentionItem& item, int64_t width) {
  const int64_t begin = item.key_begin(), end = item.key_end();
  return {carver.take<float>((end - begin) * width), carver.take<float>((end - begin) * width),
          begin, end};
}

// What one thread of the forward works with.
size_t forward_scratch(const AttentionShape& shape, std::span<const AttentionItem> items) {
  int64_t queries = 1;
  for (const AttentionItem& item : items) queries = std::max(queries, item.queries());
  Carver size(nullptr);
  ForwardScratch<float>(size, queries * (shape.heads / shape.kv_heads),
                        operand_width(shape.head_dim));
  return size.used();
}

// The most rows of an item of the backward.
int64_t backward_rows(const AttentionShape& shape) {
  const int64_t group = shape.heads / shape.kv_heads;
  return std::max(group, kQueryRows / group * group);
}

// A head with one item keeps its sums in the thread's scratch and is finished at once. The parts of
// the other heads have sums of their own, which are added at the end.
struct BackwardSizes {
  size_t thread;  // of a thread's scratch
  size_t parts;   // of the sums of heads with several items
};
BackwardSizes backward_sizes(const AttentionShape& shape,
                             std::span<const std::vector<AttentionItem>> heads) {
  const int64_t width = operand_width(shape.head_dim);
  size_t sums_bytes = 0;
  Carver parts(nullptr);
  for (const std::vector<AttentionItem>& items : heads) {
    for (const AttentionItem& item : items) {
      Carver own(nullptr);
      take_sums(items.size() == 1 ? own : parts, item, width);
      sums_bytes = std::max(sums_bytes, own.used());
    }
  }
  Carver thread(nullptr);
  BackwardScratch<float>(thread, backward_rows(shape), width);
  thread.take<std::byte>(static_cast<int64_t>(sums_bytes));
  return {thread.used(), parts.used()};
}

}  // namespace

AttentionScratch attention_scratch(const AttentionShape& shape,
                                   std::span<const Sequence> sequences) {
  const auto threads = static_cast<size_t>(num_threads());
  return {forward_scratch(shape, forward_items(shape, sequences, num_threads())) * threads, 0};
}

AttentionScratch attention_backward_scratch(const AttentionShape& shape,
                                            std::span<const Sequence> sequences) {
  const BackwardSizes sizes =
      backward_sizes(shape, backward_items(shape, sequences, num_threads()));
  return {sizes.thread * static_cast<size_t>(num_threads()), sizes.parts};
}

void attention(const AttentionShape& shape, std::span<const Sequence> sequences, const void* q,
               const void* k, const void* v, void* out, float* lse) {
  const int64_t rows = std::max<int64_t>(shape.key_rows, 1);
  attention(shape, sequences, q, RowBlocks{&k, rows}, RowBlocks{&v, rows}, out, lse);
}

void attention(const AttentionShape& shape, std::span<const Sequence> sequences, const void* q,
               const RowBlocks& k, const RowBlocks& v, void* out, float* lse) {
  check_attention(shape, sequences, false);
  check_blocks(shape, sequences, k, v);
  const auto gaps = uncovered_rows(sequences, Side::queries, shape.query_rows);
  const size_t heads = static_cast<size_t>(shape.heads);
  zero_rows(out, heads * static_cast<size_t>(shape.head_dim) * size_of(shape.type), gaps);
  if (lse != nullptr) zero_rows(lse, heads * sizeof(float), gaps);

  const ForwardCall call{shape, q, k, v, out, lse};
  const auto items = forward_items(shape, sequences, num_threads());
  const ForwardItem forward = choose_forward(shape);
  const ForwardItem decode = GRAFT_DISPATCH(forward_item_decode);
  double operations = 0;
  for (const AttentionItem& item : items) operations += operations_of(shape, item);
  const size_t size = forward_scratch(shape, items);
  std::byte* scratch = reused_scratch(size * static_cast<size_t>(num_threads()));
  for_each_item(static_cast<int64_t>(items.size()), operations, [&](int64_t i, int thread) {
    const AttentionItem& item = items[static_cast<size_t>(i)];
    (item.sequence.queries() == 1 ? decode : forward)(call, item,
                                                      scratch + static_cast<size_t>(thread) * size);
  });
}

void attention_backward(const AttentionShape& shape, std::span<const Sequence> sequences,
                        const void* q, const void* k, const void* v, const void* out,
                        const float* lse, const void* d_out, void* d_q, void* d_k, void* d_v) {
  check_attention(shape, sequences, true);
  const size_t bytes = static_cast<size_t>(shape.head_dim) * size_of(shape.type);
  const size_t key_row = static_cast<size_t>(shape.kv_heads) * bytes;
  const auto key_gaps = uncovered_rows(sequences, Side::keys, shape.key_rows);
  zero_rows(d_q, static_cast<size_t>(shape.heads) * bytes,
            uncovered_rows(sequences, Side::queries, shape.query_rows));
  zero_rows(d_k, key_row, key_gaps);
  zero_rows(d_v, key_row, key_gaps);

  const BackwardCall call{shape, q, k, v, out, lse, d_out, d_q, d_k, d_v};
  const int64_t width = operand_width(shape.head_dim);
  auto head_items = backward_items(shape, sequences, num_threads());
  const BackwardSizes sizes = backward_sizes(shape, head_items);
  std::vector<KeyHead> heads;
  for (auto& items : head_items) heads.push_back({std::move(items), {}});

  double operations = 0;
  std::vector<std::pair<size_t, size_t>> order;  // (head, item)
  for (size_t h = 0; h < heads.size(); ++h) {
    for (size_t i = 0; i < heads[h].items.size(); ++i) {
      const AttentionItem& item = heads[h].items[i];
      operations += 2.5 * operations_of(shape, item);
      order.push_back({h, i});
    }
  }
  const AlignedBlock parts = allocate_aligned(sizes.parts);
  Carver parts_carver(parts.get());
  for (KeyHead& head : heads) {
    if (head.items.size() == 1) continue;
    for (const AttentionItem& item : head.items) {
      head.sums.push_back(take_sums(parts_carver, item, width));
    }
  }
  std::stable_sort(order.begin(), order.end(), [&](const auto& a, const auto& b) {
    return heads[a.first].items[a.second].cost > heads[b.first].items[b.second].cost;
  });

  std::byte* scratch = reused_scratch(sizes.thread * static_cast<size_t>(num_threads()));
  const BackwardItem backward = choose_backward(shape);
  const auto store = GRAFT_DISPATCH(store_key_gradients);
  for_each_item(static_cast<int64_t>(order.size()), operations, [&](int64_t i, int thread) {
    const auto [h, part] = order[static_cast<size_t>(i)];
    const AttentionItem& item = heads[h].items[part];
    std::byte* block = scratch + static_cast<size_t>(thread) * sizes.thread;
    if (heads[h].items.size() > 1) {
      backward(call, item, heads[h].sums[part], block);
      return;
    }
    Carver carver(block);
    const KeyGradients sums = take_sums(carver, item, width);
    backward(call, item, sums, block + carver.used());
    store(call, item, std::span(&sums, 1), 0, item.keys());
  });

  constexpr int64_t kRowsAtOnce = 256;
  std::vector<std::pair<size_t, int64_t>> stores;  // (head, first row)
  for (size_t h = 0; h < heads.size(); ++h) {
    if (heads[h].sums.empty()) continue;
    for (int64_t row = 0; row < heads[h].items[0].keys(); row += kRowsAtOnce) {
      stores.push_back({h, row});
    }
  }
  for_each_item(static_cast<int64_t>(stores.size()), operations, [&](int64_t i, int) {
    const auto [h, row] = stores[static_cast<size_t>(i)];
    const AttentionItem& item = heads[h].items[0];
    store(call, item, heads[h].sums, row, std::min(row + kRowsAtOnce, item.keys()));
  });
}

}  // namespace graft::kernels
#endif
