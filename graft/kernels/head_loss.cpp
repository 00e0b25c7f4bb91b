#include "graft/kernels/head_loss.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/convert.h"
#include "graft/kernels/embedding.h"
#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/lora.h"
#include "graft/kernels/online_softmax.h"
#include "graft/kernels/panel_product.h"
#include "graft/kernels/parallel.h"
#include "graft/kernels/weight_gradient.h"

namespace graft::kernels {
namespace {

// A chunk of tokens goes through the vocabulary block by block: at most 4 MB of logits for any
// number of tokens and any vocabulary size. Each chunk unpacks the whole weight again, so a chunk
// has many tokens.
constexpr int64_t kTokens = 1024;
constexpr int64_t kColumns = 1024;

// For the gradient of the head, what becomes of the logits is kept for all of the vocabulary until
// the chunk's softmax is known: so many bytes. Each chunk adds to all of the gradient.
constexpr int64_t kMostNumerators = 64 << 20;
constexpr int64_t kFewestTokens = 64;

int64_t tokens_of_chunk(const LinearWeight& w, ScalarType type, bool with_head_gradient) {
  if (!with_head_gradient) return kTokens;
  const int64_t of_token = w.out * static_cast<int64_t>(size_of(type));
  return std::clamp(kMostNumerators / of_token, kFewestTokens, kTokens);
}

// Tokens that carry loss, their rows of h and their targets together.
struct Chunk {
  const int64_t* tokens;
  int64_t count;
  const std::byte* rows;
  std::vector<int32_t> targets;
  std::vector<float> scales;  // weight / divisor
  std::vector<float> xa;      // [tokens, R] of the update
};

class HeadLoss {
 public:
  HeadLoss(const Head& head, const Rows& h, const HeadGradients& gradients, int64_t most)
      : head_(head),
        w_(head.weight),
        h_(h),
        gradients_(gradients),
        type_(gradient_type(head.weight, h.type)),
        most_(most) {
    static thread_local GrownBuffer logits, numerators, weighted, factors, scaled, update;
    const int64_t columns = std::min(kColumns, w_.out);
    const auto block = static_cast<size_t>(most * columns);
    logits_ = logits.get_as<float>(block);
    if (rank() > 0) {
      b_ = update.get_as<float>(static_cast<size_t>(rank() * (3 * most + 2 * columns)));
      d_b_ = b_ + rank() * columns;
      scaled_xa_ = d_b_ + rank() * columns;
      d_xa_of_block_ = scaled_xa_ + rank() * most;
      d_xa_ = d_xa_of_block_ + rank() * most;
    }
    if (gradients.h == nullptr) return;
    if (gradients.of_head()) {
      const auto all = static_cast<size_t>(most * w_.out);
      numerators_ = static_cast<std::byte*>(numerators.get(all * size_of(type_)));
      factors_ = factors.get_as<float>(static_cast<size_t>(most * (blocks() + 1)));
      if (gradients.weight != nullptr) {
        scaled_ = scaled.get(static_cast<size_t>(most * w_.in) * size_of(type_));
      }
    } else {
      numerators_ = type_ == ScalarType::f32
                        ? reinterpret_cast<std::byte*>(logits_)
                        : static_cast<std::byte*>(numerators.get(block * size_of(type_)));
    }
    weighted_ = weighted.get_as<float>(static_cast<size_t>(most * w_.in));
  }

  // Writes the rows of d_h, adds to the gradients of the head and returns the softmax of each row.
  std::vector<OnlineSoftmax> run(const Chunk& chunk, bool first_chunk) {
    std::vector<OnlineSoftmax> softmax(static_cast<size_t>(chunk.count));
    for (int64_t first = 0; first < w_.out; first += kColumns)
      take_block(chunk, first, softmax.data());
    if (gradients_.h != nullptr) write_gradient(chunk, softmax.data());
    if (gradients_.of_head()) add_to_head(chunk, softmax.data(), first_chunk);
    return softmax;
  }

 private:
  int64_t rank() const { return head_.update.rank; }

  int64_t blocks() const { return (w_.out + kColumns - 1) / kColumns; }

  // [tokens, columns of the block], all of them together for the gradient of the head.
  std::byte* numerators_of(const Chunk& chunk, int64_t first) const {
    if (!gradients_.of_head()) return numerators_;
    return numerators_ + static_cast<size_t>(first * chunk.count) * size_of(type_);
  }

  // The maxima of the rows when a block came.
  float* maxima_of(int64_t first) const { return factors_ + (1 + first / kColumns) * most_; }

  // The columns of the update's b [R, columns], together.
  const float* block_of_b(int64_t first, int64_t columns) {
    for (int64_t r = 0; r < rank(); ++r) {
      std::copy_n(head_.update.b + r * w_.out + first, columns, b_ + r * columns);
    }
    return b_;
  }

  void take_block(const Chunk& chunk, int64_t first, OnlineSoftmax* softmax) {
    const LinearWeight part = rows_of(w_, first, std::min(w_.out, first + kColumns));
    const LowRankTerm update{chunk.xa.data(), block_of_b(first, part.out), rank(),
                             head_.update.scale};
    const LinearProduct logits{part, nullptr, std::span(&update, rank() > 0 ? 1 : 0), logits_};
    linear({&logits, 1}, {chunk.rows, chunk.count, h_.type}, ScalarType::f32, head_.int8);
    std::byte* const numerators = numerators_of(chunk, first);
    online_softmax({.rows = chunk.count,
                    .columns = part.out,
                    .first_column = first,
                    .logits = logits_,
                    .bias = head_.bias == nullptr ? nullptr : head_.bias + first,
                    .soft_cap = head_.soft_cap,
                    .targets = chunk.targets.data(),
                    .numerators = numerators,
                    .type = type_,
                    .weighted = first == 0 ? nullptr : weighted_,
                    .width = w_.in},
                   softmax);
    if (gradients_.h == nullptr) return;
    const ProductTerm term{numerators, type_, part, false};
    panel_product({.rows = chunk.count,
                   .columns = w_.in,
                   .terms = {&term, 1},
                   .out = weighted_,
                   .out_type = ScalarType::f32,
                   .accumulate = first > 0});
    if (!gradients_.of_head()) return;
    for (int64_t i = 0; i < chunk.count; ++i) maxima_of(first)[i] = softmax[i].max;
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
        weighted_sum(w_.in, factors, weighted_ + i * w_.in, target_row.data(), h_.type,
                     static_cast<std::byte*>(gradients_.h) +
                         static_cast<size_t>(chunk.tokens[i]) * row_bytes);
      }
    });
  }

  // d_w[id] = sum over tokens of p h, and the targets' (p - 1) h apart, as above. A block's
  // numerators become p by factors of the tokens, which the rows of h are multiplied with.
  void add_to_head(const Chunk& chunk, const OnlineSoftmax* softmax, bool first_chunk) {
    std::fill_n(d_xa_, chunk.count * rank(), 0.0f);
    for (int64_t first = 0; first < w_.out; first += kColumns) {
      const int64_t columns = std::min(kColumns, w_.out - first);
      const float* const maxima = maxima_of(first);
      for (int64_t i = 0; i < chunk.count; ++i) {
        const double share = std::exp(double{maxima[i]} - softmax[i].max) / softmax[i].sum;
        factors_[i] = static_cast<float>(chunk.scales[static_cast<size_t>(i)] * share);
      }
      const void* const numerators = numerators_of(chunk, first);
      if (gradients_.weight != nullptr) {
        scale_rows(chunk);
        weight_gradient({chunk.count, columns, w_.in, type_, numerators, scaled_},
                        gradients_.weight + first * w_.in, !first_chunk);
      }
      if (gradients_.bias != nullptr) {
        const ProductTerm term{
            factors_,
            ScalarType::f32,
            {.out = chunk.count, .in = columns, .data = numerators, .type = type_},
            false};
        panel_product({.rows = 1,
                       .columns = columns,
                       .terms = {&term, 1},
                       .out = gradients_.bias + first,
                       .out_type = ScalarType::f32,
                       .accumulate = !first_chunk});
      }
      if (gradients_.b != nullptr) add_to_update(chunk, first, columns, numerators, first_chunk);
    }
    add_targets(chunk, softmax);
    if (gradients_.xa == nullptr) return;
    for (int64_t i = 0; i < chunk.count; ++i) {
      std::copy_n(d_xa_ + i * rank(), rank(), gradients_.xa + chunk.tokens[i] * rank());
    }
  }

  // d_b = scale xa^T p and d_xa = scale p b^T of a block, with p as above.
  void add_to_update(const Chunk& chunk, int64_t first, int64_t columns, const void* numerators,
                     bool first_chunk) {
    const int64_t count = chunk.count * rank();
    for (int64_t i = 0; i < count; ++i) {
      scaled_xa_[i] = factors_[i / rank()] * chunk.xa[static_cast<size_t>(i)];
    }
    lora_backward({.rows = chunk.count, .in = 0, .out = columns, .rank = rank(), .type = type_},
                  nullptr, scaled_xa_, block_of_b(first, columns), head_.update.scale, numerators,
                  nullptr, d_b_, d_xa_of_block_);
    for (int64_t i = 0; i < count; ++i) d_xa_[i] += factors_[i / rank()] * d_xa_of_block_[i];
    for (int64_t r = 0; r < rank(); ++r) {
      float* const to = gradients_.b + r * w_.out + first;
      const float* const from = d_b_ + r * columns;
      for (int64_t j = 0; j < columns; ++j) to[j] = first_chunk ? from[j] : to[j] + from[j];
    }
  }

  const std::byte* row_of_h(const Chunk& chunk, int64_t i) const {
    return chunk.rows + static_cast<size_t>(i * w_.in) * size_of(h_.type);
  }

  void scale_rows(const Chunk& chunk) {
    parallel_ranges(chunk.count, 64, [&](int64_t begin, int64_t end) {
      std::vector<float> row(static_cast<size_t>(w_.in));
      for (int64_t i = begin; i < end; ++i) {
        convert(h_.type, row_of_h(chunk, i), ScalarType::f32, row.data(), w_.in);
        for (float& x : row) x *= factors_[i];
        convert(ScalarType::f32, row.data(), type_,
                static_cast<std::byte*>(scaled_) + static_cast<size_t>(i * w_.in) * size_of(type_),
                w_.in);
      }
    });
  }

  // One after the other: two tokens may have the same target.
  void add_targets(const Chunk& chunk, const OnlineSoftmax* softmax) {
    std::vector<float> row(static_cast<size_t>(w_.in));
    for (int64_t i = 0; i < chunk.count; ++i) {
      const auto at = static_cast<size_t>(i);
      const auto share =
          static_cast<float>(double{chunk.scales[at]} * softmax[i].target_gradient(head_.soft_cap));
      if (gradients_.bias != nullptr) gradients_.bias[chunk.targets[at]] += share;
      if (gradients_.b != nullptr) {
        for (int64_t r = 0; r < rank(); ++r) {
          const int64_t b_at = r * w_.out + chunk.targets[at];
          const float factor = share * head_.update.scale;
          gradients_.b[b_at] += factor * chunk.xa[static_cast<size_t>(i * rank() + r)];
          d_xa_[i * rank() + r] += factor * head_.update.b[b_at];
        }
      }
      if (gradients_.weight == nullptr) continue;
      convert(h_.type, row_of_h(chunk, i), ScalarType::f32, row.data(), w_.in);
      float* const sum = gradients_.weight + chunk.targets[at] * w_.in;
      for (int64_t j = 0; j < w_.in; ++j) sum[j] += share * row[static_cast<size_t>(j)];
    }
  }

  const Head& head_;
  const LinearWeight& w_;
  const Rows& h_;
  const HeadGradients& gradients_;
  ScalarType type_;
  int64_t most_;  // tokens of a chunk
  float* logits_;
  std::byte* numerators_ = nullptr;
  float* weighted_ = nullptr;  // [tokens, D]: sums over ids of numerators times their rows
  float* factors_ = nullptr;   // [1 + blocks, tokens]: factors of a block, and maxima of each
  void* scaled_ = nullptr;     // [tokens, D] rows of h times a block's factors
  // Of the update: a block of b and its gradient [R, columns]; xa times the block's factors, and
  // the gradient of xa by a block and by all [tokens, R].
  float *b_ = nullptr, *d_b_ = nullptr;
  float *scaled_xa_ = nullptr, *d_xa_of_block_ = nullptr, *d_xa_ = nullptr;
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
                         bool with_gradient, bool with_head_gradient, int64_t rank) {
  const ScalarType own = gradient_type(w, type);
  const int64_t most_tokens = std::min(tokens_of_chunk(w, own, with_head_gradient), count);
  const auto most = static_cast<size_t>(most_tokens), width = static_cast<size_t>(w.in);
  const size_t block = most * static_cast<size_t>(std::min(kColumns, w.out));
  size_t bytes = block * sizeof(float);
  if (rank > 0) {  // and the rows of xa
    const int64_t floats = rank * (4 * most_tokens + 2 * std::min(kColumns, w.out));
    bytes += static_cast<size_t>(floats) * sizeof(float);
  }
  if (with_head_gradient) {
    const auto blocks = static_cast<size_t>((w.out + kColumns - 1) / kColumns);
    bytes += most * static_cast<size_t>(w.out) * size_of(own);
    bytes += most * (blocks + 1) * sizeof(float) + most * width * size_of(own);
  } else if (with_gradient && own != ScalarType::f32) {
    bytes += block * size_of(type);
  }
  if (with_gradient) bytes += most * width * sizeof(float);
  if (count < rows) bytes += most * width * size_of(type);
  return bytes + bytes / 8;  // a GrownBuffer has room to spare
}

float head_loss(const Head& head, const Rows& h, const Targets& targets, float* losses,
                const HeadGradients& gradients) {
  const LinearWeight& w = head.weight;
  const std::vector<int64_t> tokens = tokens_with_loss(w, h.rows, targets);
  const auto count = static_cast<int64_t>(tokens.size());
  const size_t row_bytes = static_cast<size_t>(w.in) * size_of(h.type);
  if (count < h.rows) {
    std::fill_n(losses, h.rows, 0.0f);
    if (gradients.h != nullptr) {
      std::memset(gradients.h, 0, static_cast<size_t>(h.rows) * row_bytes);
    }
    if (gradients.xa != nullptr) std::fill_n(gradients.xa, h.rows * head.update.rank, 0.0f);
  }
  if (count == 0) {
    if (gradients.weight != nullptr) std::fill_n(gradients.weight, w.out * w.in, 0.0f);
    if (gradients.bias != nullptr) std::fill_n(gradients.bias, w.out, 0.0f);
    if (gradients.b != nullptr) std::fill_n(gradients.b, head.update.rank * w.out, 0.0f);
    return 0;
  }

  static thread_local GrownBuffer gathered;
  const int64_t most =
      std::min(tokens_of_chunk(w, gradient_type(w, h.type), gradients.of_head()), count);
  HeadLoss chunks(head, h, gradients, most);
  const auto divisor = static_cast<float>(targets.divisor);
  double sum = 0;
  for (int64_t begin = 0; begin < count; begin += most) {
    Chunk chunk{tokens.data() + begin, std::min(most, count - begin), nullptr, {}, {}, {}};
    for (int64_t i = 0; i < chunk.count; ++i) {
      chunk.targets.push_back(targets.ids[chunk.tokens[i]]);
      chunk.scales.push_back(targets.weights[chunk.tokens[i]] / divisor);
      const float* const xa = head.update.xa + chunk.tokens[i] * head.update.rank;
      chunk.xa.insert(chunk.xa.end(), xa, xa + head.update.rank);
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
    const auto softmax = chunks.run(chunk, begin == 0);
    for (int64_t i = 0; i < chunk.count; ++i) {
      const double loss = softmax[static_cast<size_t>(i)].loss();
      losses[chunk.tokens[i]] = static_cast<float>(loss);
      sum += targets.weights[chunk.tokens[i]] * loss;
    }
  }
  return static_cast<float>(sum / targets.divisor);
}

}  // namespace graft::kernels
