#include "graft/kernels/head_loss.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/embedding.h"
#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/online_softmax.h"
#include "graft/kernels/panel_product.h"
#include "graft/kernels/parallel.h"

namespace graft::kernels {
namespace {

// A chunk of tokens goes through the vocabulary block by block: at most 4 MB of logits for any
// number of tokens and any vocabulary size. Each chunk unpacks the whole weight again, so a chunk
// has many tokens.
constexpr int64_t kTokens = 1024;
constexpr int64_t kColumns = 1024;

// Tokens that carry loss, their rows of h and their targets together.
struct Chunk {
  const int64_t* tokens;
  int64_t count;
  const std::byte* rows;
  std::vector<int32_t> targets;
  std::vector<float> scales;  // weight / divisor
};

class HeadLoss {
 public:
  HeadLoss(const Head& head, const Rows& h, void* d_h, int64_t most)
      : head_(head), w_(head.weight), h_(h), d_h_(d_h), type_(product_type(h.type)) {
    static thread_local GrownBuffer logits, numerators, weighted;
    const auto block = static_cast<size_t>(most * std::min(kColumns, w_.out));
    logits_ = logits.get_as<float>(block);
    if (d_h == nullptr) return;
    numerators_ = type_ == ScalarType::f32 ? logits_ : numerators.get(block * size_of(type_));
    weighted_ = weighted.get_as<float>(static_cast<size_t>(most * w_.in));
  }

  // Writes the rows of d_h and returns the softmax of each.
  std::vector<OnlineSoftmax> run(const Chunk& chunk) {
    std::vector<OnlineSoftmax> softmax(static_cast<size_t>(chunk.count));
    for (int64_t first = 0; first < w_.out; first += kColumns)
      take_block(chunk, first, softmax.data());
    if (d_h_ != nullptr) write_gradient(chunk, softmax.data());
    return softmax;
  }

 private:
  void take_block(const Chunk& chunk, int64_t first, OnlineSoftmax* softmax) {
    const LinearWeight part = rows_of(w_, first, std::min(w_.out, first + kColumns));
    const LinearProduct logits{part, nullptr, {}, logits_};
    linear({&logits, 1}, {chunk.rows, chunk.count, h_.type}, ScalarType::f32);
    online_softmax({.rows = chunk.count,
                    .columns = part.out,
                    .first_column = first,
                    .logits = logits_,
                    .bias = head_.bias == nullptr ? nullptr : head_.bias + first,
                    .soft_cap = head_.soft_cap,
                    .targets = chunk.targets.data(),
                    .numerators = numerators_,
                    .type = type_,
                    .weighted = first == 0 ? nullptr : weighted_,
                    .width = w_.in},
                   softmax);
    if (d_h_ == nullptr) return;
    const ProductTerm term{numerators_, type_, part, false};
    panel_product({.rows = chunk.count,
                   .columns = w_.in,
                   .terms = {&term, 1},
                   .out = weighted_,
                   .out_type = ScalarType::f32,
                   .accumulate = first > 0});
  }

  // d_h = (sum over ids of p w[id]) - w[target]. The target's share is left out of the sums and
  // added here as (p - 1) w[target]: for a nearly certain id, rounding p to bf16 would lose p - 1.
  void write_gradient(const Chunk& chunk, const OnlineSoftmax* softmax) {
    const size_t row_bytes = static_cast<size_t>(w_.in) * size_of(h_.type);
    parallel_ranges(chunk.count, 16, [&](int64_t begin, int64_t end) {
      std::vector<float> target_row(static_cast<size_t>(w_.in));
      for (int64_t i = begin; i < end; ++i) {
        embedding(w_, &chunk.targets[static_cast<size_t>(i)], 1, ScalarType::f32,
                  target_row.data());
        const float scale = chunk.scales[static_cast<size_t>(i)];
        const double share = scale / softmax[i].sum;
        const float factors[2] = {
            static_cast<float>(share),
            static_cast<float>(scale * softmax[i].target_gradient(head_.soft_cap))};
        weighted_sum(
            w_.in, factors, weighted_ + i * w_.in, target_row.data(), h_.type,
            static_cast<std::byte*>(d_h_) + static_cast<size_t>(chunk.tokens[i]) * row_bytes);
      }
    });
  }

  const Head& head_;
  const LinearWeight& w_;
  const Rows& h_;
  void* d_h_;
  ScalarType type_;
  float* logits_;
  void* numerators_ = nullptr;
  float* weighted_ = nullptr;  // [tokens, D]: sums over ids of numerators times their rows
};

std::vector<int64_t> tokens_with_loss(const LinearWeight& w, int64_t rows, const Targets& targets) {
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < rows; ++i) {
    if (targets.weights[i] == 0) continue;
    const int32_t id = targets.ids[i];
    if (id < 0 || id >= w.out) fail("a target is id {} of a vocabulary of {}", id, w.out);
    tokens.push_back(i);
  }
  return tokens;
}

}  // namespace

size_t head_loss_scratch(const LinearWeight& w, int64_t rows, int64_t count, ScalarType type,
                         bool with_gradient) {
  const auto most = static_cast<size_t>(std::min(kTokens, count));
  const size_t block = most * static_cast<size_t>(std::min(kColumns, w.out));
  const size_t width = static_cast<size_t>(w.in);
  size_t bytes = block * sizeof(float);
  if (with_gradient && product_type(type) != ScalarType::f32) bytes += block * size_of(type);
  if (with_gradient) bytes += most * width * sizeof(float);
  if (count < rows) bytes += most * width * size_of(type);
  return bytes + bytes / 8;  // a GrownBuffer has room to spare
}

float head_loss(const Head& head, const Rows& h, const Targets& targets, float* losses, void* d_h) {
  const LinearWeight& w = head.weight;
  const std::vector<int64_t> tokens = tokens_with_loss(w, h.rows, targets);
  const auto count = static_cast<int64_t>(tokens.size());
  const size_t row_bytes = static_cast<size_t>(w.in) * size_of(h.type);
  if (count < h.rows) {
    std::fill_n(losses, h.rows, 0.0f);
    if (d_h != nullptr) std::memset(d_h, 0, static_cast<size_t>(h.rows) * row_bytes);
  }
  if (count == 0) return 0;

  static thread_local GrownBuffer gathered;
  const int64_t most = std::min(kTokens, count);
  HeadLoss chunks(head, h, d_h, most);
  const auto divisor = static_cast<float>(targets.divisor);
  double sum = 0;
  for (int64_t begin = 0; begin < count; begin += most) {
    Chunk chunk{tokens.data() + begin, std::min(most, count - begin), nullptr, {}, {}};
    for (int64_t i = 0; i < chunk.count; ++i) {
      chunk.targets.push_back(targets.ids[chunk.tokens[i]]);
      chunk.scales.push_back(targets.weights[chunk.tokens[i]] / divisor);
    }
    const auto* rows = static_cast<const std::byte*>(h.data);
    if (count == h.rows) {
      chunk.rows = rows + static_cast<size_t>(begin) * row_bytes;
    } else {
      auto* copy = static_cast<std::byte*>(gathered.get(static_cast<size_t>(most) * row_bytes));
      for (int64_t i = 0; i < chunk.count; ++i) {
        std::memcpy(copy + static_cast<size_t>(i) * row_bytes,
                    rows + static_cast<size_t>(chunk.tokens[i]) * row_bytes, row_bytes);
      }
      chunk.rows = copy;
    }
    const auto softmax = chunks.run(chunk);
    for (int64_t i = 0; i < chunk.count; ++i) {
      const double loss = softmax[static_cast<size_t>(i)].loss();
      losses[chunk.tokens[i]] = static_cast<float>(loss);
      sum += targets.weights[chunk.tokens[i]] * loss;
    }
  }
  return static_cast<float>(sum / targets.divisor);
}

}  // namespace graft::kernels
