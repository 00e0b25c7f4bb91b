#include "graft/ops/cpu/attention.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/kernels/attention.h"
#include "graft/ops/cpu/primitive.h"

namespace graft::ops::cpu {
namespace {

using kernels::AttentionShape;

// The operations of `products` products of queries with the keys that each query sees.
double operations_of(const AttentionShape& shape, const Sequences& sequences, int products) {
  double scores = 0;
  for (const Sequence& s : *sequences) {
    const auto queries = static_cast<double>(s.query_end - s.query_begin);
    const auto keys = static_cast<double>(s.key_end - s.key_begin);
    scores += queries * (keys - (queries - 1) / 2);
    if (shape.window == 0) continue;
    // Without a window, the last query would see `hidden` more keys, and each query before it one
    // fewer.
    const double hidden = std::max(0.0, keys - static_cast<double>(shape.window));
    const double reaching = std::min(queries, hidden);
    scores -= reaching * (hidden - (reaching - 1) / 2);
  }
  return 2 * products * scores * static_cast<double>(shape.heads * shape.head_dim);
}

// Inputs: q, k, v, out, lse, d_out. Outputs: d_q, d_k, d_v.
class AttentionBackward final : public CpuPrimitive {
 public:
  AttentionBackward(const AttentionShape& shape, Sequences sequences)
      : shape_(shape), sequences_(std::move(sequences)) {}
  const char* name() const override { return "AttentionBackward"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    attention_backward(shape_, *sequences_, in[0].data, in[1].data, in[2].data, in[3].data,
                       static_cast<const float*>(in[4].data), in[5].data, out[0].data, out[1].data,
                       out[2].data);
  }

  double operations(const std::vector<Input>&) const override {
    return operations_of(shape_, sequences_, 5);
  }

  Scratch scratch(const std::vector<Input>&) const override {
    const auto [kept, passing] = kernels::attention_backward_scratch(shape_, *sequences_);
    return {.shared = kept, .own = 0, .passing = passing};
  }

 private:
  AttentionShape shape_;
  Sequences sequences_;
};

// Inputs: q, k's blocks, v's blocks. Outputs: out, and the log-sum-exp of each row's scores [N, H]
// for the gradient.
class Attention final : public CpuPrimitive {
 public:
  Attention(const AttentionShape& shape, Sequences sequences, int block_rows)
      : shape_(shape), sequences_(std::move(sequences)), block_rows_(block_rows) {}
  const char* name() const override { return "Attention"; }

  void run(const std::vector<Input>& in, const std::vector<Output>& out) const override {
    std::vector<const void*> blocks;
    for (size_t i = 1; i < in.size(); ++i) blocks.push_back(in[i].data);
    const kernels::RowBlocks k{blocks.data(), block_rows_};
    const kernels::RowBlocks v{blocks.data() + blocks.size() / 2, block_rows_};
    kernels::attention(shape_, *sequences_, in[0].data, k, v, out[0].data,
                       static_cast<float*>(out[1].data));
  }

  double operations(const std::vector<Input>&) const override {
    return operations_of(shape_, sequences_, 2);
  }

  Scratch scratch(const std::vector<Input>&) const override {
    return {.shared = kernels::attention_scratch(shape_, *sequences_).kept};
  }

  std::vector<mx::array> vjp(const std::vector<mx::array>& primals,
                             const std::vector<mx::array>& cotangents,
                             const std::vector<int>& argnums,
                             const std::vector<mx::array>& outputs) override {
    if (primals.size() != 3) fail("internal: the attention over a cache has no gradient");
    std::vector<mx::Shape> shapes;
    std::vector<mx::Dtype> dtypes;
    for (const mx::array& primal : primals) {
      shapes.push_back(primal.shape());
      dtypes.push_back(primal.dtype());
    }
    auto gradients =
        apply(std::make_shared<AttentionBackward>(shape_, sequences_), shapes, dtypes,
              {primals[0], primals[1], primals[2], outputs[0], outputs[1], cotangents[0]});
    std::vector<mx::array> results;
    for (int argument : argnums) results.push_back(gradients[static_cast<size_t>(argument)]);
    return results;
  }

 private:
  AttentionShape shape_;
  Sequences sequences_;
  int block_rows_;
};

}  // namespace

mx::array attention(const mx::array& q, const std::vector<mx::array>& k,
                    const std::vector<mx::array>& v, const Sequences& sequences,
                    const AttentionOptions& o) {
  std::vector<mx::array> inputs = {q};
  inputs.insert(inputs.end(), k.begin(), k.end());
  inputs.insert(inputs.end(), v.begin(), v.end());
  for (size_t i = 1; i < inputs.size(); ++i) {
    if (inputs[i].dtype() != q.dtype()) {
      fail("internal: attention of q, k and v of different types");
    }
    if (inputs[i].shape() != k[0].shape()) fail("internal: attention over blocks of other shapes");
  }
  const int block_rows = k.at(0).shape(0);
  AttentionShape shape{};
  shape.heads = o.heads;
  shape.kv_heads = o.kv_heads;
  shape.head_dim = o.head_dim;
  shape.scale = o.scale;
  shape.type = scalar_type(q.dtype());
  shape.query_rows = q.shape(0);
  shape.key_rows = int64_t{block_rows} * std::ssize(k);
  shape.window = o.window;
  shape.soft_cap = o.soft_cap;
  return apply(std::make_shared<Attention>(shape, sequences, block_rows),
               {q.shape(), {q.shape(0), o.heads}}, {q.dtype(), mx::float32}, std::move(inputs))[0];
}

}  // namespace graft::ops::cpu
