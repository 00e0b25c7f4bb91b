#include "graft/kernels/head_loss.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/cross_entropy.h"
#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/panel_product.h"

namespace graft::kernels {
namespace {

constexpr int64_t kChunk = 256;  // tokens: their logits take 50 MB at 49152 words

}  // namespace

float head_loss(const LinearWeight& w, const Rows& h, const int32_t* targets, float* losses,
                void* d_h) {
  std::vector<int64_t> active;
  for (int64_t i = 0; i < h.rows; ++i) {
    losses[i] = 0;
    if (targets[i] >= w.out) fail("a target is word {} of a vocabulary of {}", targets[i], w.out);
    if (targets[i] >= 0) active.push_back(i);
  }
  const size_t row_bytes = static_cast<size_t>(w.in) * size_of(h.type);
  if (d_h != nullptr) std::memset(d_h, 0, static_cast<size_t>(h.rows) * row_bytes);
  if (active.empty()) return 0;

  static thread_local GrownBuffer rows_scratch, logits_scratch, gradient_scratch, d_h_scratch;
  const auto count = static_cast<int64_t>(active.size());
  const ScalarType type = product_type(h.type);
  const int64_t most = std::min(kChunk, count);
  auto* rows = static_cast<char*>(rows_scratch.get(static_cast<size_t>(most) * row_bytes));
  auto* logits = logits_scratch.get_as<float>(static_cast<size_t>(most * w.out));
  void* gradient = nullptr;
  char* d_rows = nullptr;
  if (d_h != nullptr) {
    gradient = type == ScalarType::f32
                   ? logits
                   : gradient_scratch.get(static_cast<size_t>(most * w.out) * size_of(type));
    d_rows = static_cast<char*>(d_h_scratch.get(static_cast<size_t>(most) * row_bytes));
  }
  std::vector<float> weights(static_cast<size_t>(most), 1.0f / static_cast<float>(count));
  std::vector<float> chunk_losses(static_cast<size_t>(most));
  std::vector<int32_t> chunk_targets(static_cast<size_t>(most));
  double total = 0;
  for (int64_t begin = 0; begin < count; begin += most) {
    const int64_t n = std::min(most, count - begin);
    for (int64_t i = 0; i < n; ++i) {
      int64_t token = active[static_cast<size_t>(begin + i)];
      std::memcpy(rows + static_cast<size_t>(i) * row_bytes,
                  static_cast<const char*>(h.data) + static_cast<size_t>(token) * row_bytes,
                  row_bytes);
      chunk_targets[static_cast<size_t>(i)] = targets[token];
    }
    linear(w, {rows, n, h.type}, nullptr, {}, {logits, n, ScalarType::f32});
    cross_entropy({n, w.out, type}, logits, chunk_targets.data(), weights.data(),
                  chunk_losses.data(), gradient);
    for (int64_t i = 0; i < n; ++i) {
      float loss = chunk_losses[static_cast<size_t>(i)];
      losses[active[static_cast<size_t>(begin + i)]] = loss;
      total += loss;
    }
    if (d_h == nullptr) continue;
    const ProductTerm term{gradient, type, w, false};
    panel_product(
        {.rows = n, .columns = w.in, .terms = {&term, 1}, .out = d_rows, .out_type = h.type});
    for (int64_t i = 0; i < n; ++i) {
      int64_t token = active[static_cast<size_t>(begin + i)];
      std::memcpy(static_cast<char*>(d_h) + static_cast<size_t>(token) * row_bytes,
                  d_rows + static_cast<size_t>(i) * row_bytes, row_bytes);
    }
  }
  return static_cast<float>(total / static_cast<double>(count));
}

}  // namespace graft::kernels
