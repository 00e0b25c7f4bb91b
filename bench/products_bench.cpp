// Times the products: of activations with weights as a linear layer takes them forward and
// backward, the adapters', and the head's with its loss. Each result is compared with its scalar
// twin's before it is timed, large ones in some of their elements. GFLOPS count two operations a
// multiply-add; of_peak is their share of what the processor can do in the type of the products,
// where those are products of integers of f32 multiply-adds.
// Sizes are those of SmolLM2-135M (N 360 and 90 tokens) and of Llama-7B (N 512).
//   GRAFT_CPU_ISA=avx2 build/bench/products_bench --benchmark_filter='product/.*/4bit/'

#include <benchmark/benchmark.h>

#include <span>
#include <string>
#include <vector>

#include "bench/array.h"
#include "bench/peaks.h"
#include "bench/timing.h"
#include "bench/weights.h"
#include "graft/kernels/head_loss.h"
#include "graft/kernels/lora.h"
#include "graft/kernels/panel_product.h"
#include "graft/kernels/scalar/head_loss.h"
#include "graft/kernels/scalar/lora.h"
#include "graft/kernels/scalar/panel_product.h"

namespace {

using graft::QuantizationMode;
using namespace graft::bench;
using namespace graft::kernels;

constexpr ScalarType f32 = ScalarType::f32, bf16 = ScalarType::bf16, f16 = ScalarType::f16;

// The first, middle and last row, and some 32 columns up to the last.
bool verified(const PanelProduct& product, const Array& out) {
  std::vector<int64_t> elements;
  for (int64_t row : {int64_t{0}, product.rows / 2, product.rows - 1}) {
    for (int64_t column = product.columns - 1; column >= 0; column -= product.columns / 32 + 1) {
      elements.push_back(row * product.columns + column);
    }
  }
  const auto count = static_cast<int64_t>(elements.size());
  Array got(product.out_type, count), expected(product.out_type, count);
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = elements[static_cast<size_t>(i)];
    got.set(i, out.get(at));
    expected.set(i,
                 panel_product_element_scalar(product, at / product.columns, at % product.columns));
  }
  return got.agrees(expected);
}

// y [N, out] = x w^T, or backward d_x [N, in] = d_y w.
void panel(benchmark::State& state, Format format, bool forward) {
  const int64_t rows = state.range(0), in = state.range(1), out = state.range(2);
  const Weight w(format, out, in);
  const int64_t depth = forward ? in : out, columns = forward ? out : in;
  Array left(format.type, rows * depth), result(format.type, rows * columns);
  const ProductTerm term{left.data(), format.type, w.weight, forward};
  const PanelProduct product{.rows = rows,
                             .columns = columns,
                             .terms = {&term, 1},
                             .out = result.data(),
                             .out_type = format.type};
  auto run = [&] { panel_product(product); };
  run();
  time_products(state, verified(product, result), 2.0 * static_cast<double>(rows * in * out),
                product_peak(format.type), run);
}

// The head [V, D] forward, the loss, and the gradient of h.
void head(benchmark::State& state, Format format) {
  constexpr int64_t kColumns = 49152, kHidden = 576;
  const int64_t rows = state.range(0);
  const Weight w(format, kColumns, kHidden);
  Array h(format.type, rows * kHidden), losses(f32, rows), d_h(format.type, rows * kHidden);
  // Hidden states so small that the softmax is no single word's.
  for (int64_t i = 0; i < rows * kHidden; ++i) h.set(i, h.get(i) / 16);
  std::vector<int32_t> targets(static_cast<size_t>(rows));
  for (size_t i = 0; i < targets.size(); ++i) targets[i] = static_cast<int32_t>(i * 131 % kColumns);
  const std::vector<float> weights(targets.size(), 1.0f);
  auto run = [&] {
    head_loss({w.weight}, {h.data(), rows, format.type},
              {targets.data(), weights.data(), static_cast<double>(rows)}, losses.floats(),
              {d_h.data()});
  };
  run();
  // The first token; its gradient is a share of the mean's.
  Array loss(f32, 1), d_row(f32, kHidden), expected_loss(f32, 1), expected(format.type, kHidden);
  head_loss_scalar({w.weight}, {h.data(), 1, format.type}, {targets.data(), weights.data()},
                   expected_loss.floats(), {expected.data()});
  Array scaled(format.type, kHidden);
  for (int64_t i = 0; i < kHidden; ++i) scaled.set(i, d_h.get(i) * static_cast<float>(rows));
  const bool right = losses.agrees(expected_loss, 1) && scaled.agrees(expected);
  time_products(state, right, 4.0 * static_cast<double>(rows * kColumns * kHidden),
                product_peak(format.type), run);
}

// A projection of N tokens, SmolLM2's D 576 wide, with its adapter.
struct Lora {
  Lora(int64_t rows, int64_t outputs, int64_t rank, ScalarType type)
      : shape{rows, 576, outputs, rank, type},
        x(type, rows * 576),
        y(type, rows * outputs),
        d_y(type, rows * outputs),
        a(f32, 576 * rank),
        b(f32, rank * outputs),
        xa(f32, rows * rank),
        d_a(a),
        d_b(b),
        d_xa(f32, rows * rank) {}

  // Of a product with one side of the adapter, of this width.
  double operations(int64_t width) const {
    return 2.0 * static_cast<double>(shape.rows * shape.rank * width);
  }

  LoraShape shape;
  Array x, y, d_y, a, b, xa, d_a, d_b, d_xa;
};

void lora_down_rows(benchmark::State& state, ScalarType type) {
  Lora t(state.range(0), state.range(1), state.range(2), type);
  Array expected(t.xa);
  auto run = [&] { lora_down(t.shape, t.x.data(), t.a.floats(), t.xa.floats()); };
  run();
  lora_down_scalar(t.shape, t.x.data(), t.a.floats(), expected.floats());
  time_products(state, t.xa.agrees(expected), t.operations(576), peaks().f32_gflops, run);
}

void lora_up(benchmark::State& state, ScalarType type) {
  Lora t(state.range(0), state.range(1), state.range(2), type);
  Array expected(t.y);
  // A small scale, so that y stays finite over all runs.
  auto run = [&] { lora_up_add(t.shape, t.xa.floats(), t.b.floats(), 1e-6f, t.y.data()); };
  run();
  lora_up_add_scalar(t.shape, t.xa.floats(), t.b.floats(), 1e-6f, expected.data());
  time_products(state, t.y.agrees(expected), t.operations(t.shape.out), peaks().f32_gflops, run);
}

void lora_back(benchmark::State& state, ScalarType type) {
  Lora t(state.range(0), state.range(1), state.range(2), type), u(t);
  auto run = [&] {
    lora_backward(t.shape, t.x.data(), t.xa.floats(), t.b.floats(), 1e-3f, t.d_y.data(),
                  t.d_a.floats(), t.d_b.floats(), t.d_xa.floats());
  };
  run();
  lora_backward_scalar(u.shape, u.x.data(), u.xa.floats(), u.b.floats(), 1e-3f, u.d_y.data(),
                       u.d_a.floats(), u.d_b.floats(), u.d_xa.floats());
  const bool right = t.d_a.agrees(u.d_a) && t.d_b.agrees(u.d_b) && t.d_xa.agrees(u.d_xa);
  time_products(state, right, t.operations(576) + 2 * t.operations(t.shape.out), peaks().f32_gflops,
                run);
}

using Shape = std::vector<int64_t>;  // N, in, out

void add_products(Format format, const std::vector<Shape>& shapes) {
  for (bool forward : {true, false}) {
    const std::string name =
        std::string("product/") + (forward ? "forward/" : "backward/") + format.name();
    auto* b = benchmark::RegisterBenchmark(
        name.c_str(), [=](benchmark::State& state) { panel(state, format, forward); });
    b->ArgNames({"N", "in", "out"})->UseRealTime()->Unit(benchmark::kMillisecond);
    for (const Shape& shape : shapes) b->Args(shape);
  }
}

bool add_all() {
  const std::vector<Shape> layer = {{360, 576, 576},  {360, 576, 192}, {360, 576, 1536},
                                    {360, 1536, 576}, {90, 576, 576},  {90, 576, 192},
                                    {90, 576, 1536},  {90, 1536, 576}};
  for (Format format : {Format{bf16}, Format{f32}, Format{f16}, Format{bf16, 2}, Format{bf16, 3},
                        Format{bf16, 4}, Format{bf16, 5}, Format{bf16, 6}, Format{bf16, 8}}) {
    add_products(format, layer);
  }
  for (QuantizationMode mode :
       {QuantizationMode::mxfp4, QuantizationMode::mxfp8, QuantizationMode::nvfp4}) {
    const Format format{bf16, default_bits(mode), mode};
    add_products(format, layer);
    add_products(format, {{512, 4096, 4096}});
  }
  // Of Llama-7B, D by D.
  for (Format format : {Format{bf16}, Format{f32}, Format{f16}, Format{bf16, 4}, Format{bf16, 8}}) {
    add_products(format, {{512, 4096, 4096}});
  }
  // Llama-7B's D by F and F by D, and SmolLM2's head.
  for (Format format : {Format{bf16}, Format{f32}, Format{bf16, 4}}) {
    add_products(format, {{512, 4096, 11008}, {512, 11008, 4096}, {360, 576, 49152}});
  }
  for (Format format : {Format{bf16}, Format{bf16, 4}}) {
    const std::string name = "head_loss/" + format.name();
    benchmark::RegisterBenchmark(name.c_str(),
                                 [=](benchmark::State& state) { head(state, format); })
        ->ArgName("N")
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond)
        ->Arg(360);
  }
  return true;
}

[[maybe_unused]] const bool added = add_all();

void adapters(benchmark::internal::Benchmark* b) {
  b->ArgNames({"N", "out", "rank"})->UseRealTime()->Unit(benchmark::kMicrosecond);
  b->Args({360, 576, 8})->Args({360, 192, 8})->Args({360, 576, 32})->Args({90, 576, 8});
}

BENCHMARK_CAPTURE(lora_down_rows, bf16, bf16)->Apply(adapters);
BENCHMARK_CAPTURE(lora_up, bf16, bf16)->Apply(adapters);
BENCHMARK_CAPTURE(lora_back, bf16, bf16)->Apply(adapters);
BENCHMARK_CAPTURE(lora_down_rows, f32, f32)->Apply(adapters);
BENCHMARK_CAPTURE(lora_up, f32, f32)->Apply(adapters);
BENCHMARK_CAPTURE(lora_back, f32, f32)->Apply(adapters);

}  // namespace
