#include "graft/kernels/linear.h"

#include <algorithm>

#include "graft/base/threads.h"
#include "graft/kernels/convert.h"
#include "graft/kernels/grown_buffer.h"
#include "graft/kernels/matmul.h"
#include "graft/kernels/matvec.h"

namespace graft::kernels {
namespace {

constexpr int64_t kPanelBytes = int64_t{3} << 19;  // 1.5 MB: stays in the second-level caches
constexpr int64_t kMatvecRows = 4;

// Rows of the weight in one panel: whole groups of 64.
int64_t panel_rows(const LinearWeight& w, ScalarType type) {
  int64_t rows = kPanelBytes / (w.in * static_cast<int64_t>(size_of(type))) / 64 * 64;
  return std::clamp<int64_t>(rows, 64, w.out);
}

bool needs_panels(const LinearWeight& w, ScalarType type) { return w.quantized || w.type != type; }

// Rows [begin, end) of the weight as `type`, in scratch.
const void* make_panel(const LinearWeight& w, ScalarType type, int64_t begin, int64_t end) {
  static thread_local GrownBuffer scratch;
  size_t count = static_cast<size_t>((end - begin) * w.in);
  void* panel = scratch.get(count * size_of(type));
  if (w.quantized) {
    dequantize_block(w.matrix, begin, end, 0, w.in, type, panel, w.in);
  } else {
    const char* rows =
        static_cast<const char*>(w.data) + static_cast<size_t>(begin * w.in) * size_of(w.type);
    convert(w.type, rows, type, panel, static_cast<int64_t>(count));
  }
  return panel;
}

char* at(void* data, int64_t index, ScalarType type) {
  return static_cast<char*>(data) + static_cast<size_t>(index) * size_of(type);
}

void add_bias(const void* bias, const Rows& y, int64_t width) {
  static thread_local GrownBuffer scratch;
  float* wide = scratch.get_as<float>(static_cast<size_t>(width) * 2);
  float* row = wide + width;
  convert(y.type, bias, ScalarType::f32, wide, width);
  for (int64_t i = 0; i < y.rows; ++i) {
    char* out = at(y.data, i * width, y.type);
    convert(y.type, out, ScalarType::f32, row, width);
    for (int64_t j = 0; j < width; ++j) row[j] += wide[j];
    convert(ScalarType::f32, row, y.type, out, width);
  }
}

// x as `type`: itself, or a copy with its own room for padded rows.
Rows as_type(const Rows& x, ScalarType type, int64_t width, GrownBuffer& scratch) {
  if (x.type == type) return x;
  int64_t capacity = padded_rows(x.rows);
  void* copy = scratch.get(static_cast<size_t>(capacity * width) * size_of(type));
  convert(x.type, x.data, type, copy, x.rows * width);
  return {copy, x.rows, capacity, type};
}

}  // namespace

ScalarType compute_type(ScalarType type) {
  return type == ScalarType::bf16 && has_bf16_matmul() ? ScalarType::bf16 : ScalarType::f32;
}

void linear(const LinearWeight& w, const Rows& x, const void* bias, const Rows& y) {
  if (x.rows == 0) return;
  if (x.rows <= kMatvecRows) {
    if (w.quantized) {
      matvec(w.matrix, x.rows, x.data, x.type, bias, y.data, y.type);
    } else {
      matvec(DenseMatrix{w.data, w.type, w.out, w.in}, x.rows, x.data, x.type, bias, y.data,
             y.type);
    }
    return;
  }
  static thread_local GrownBuffer wide_x, wide_y;
  const ScalarType type = compute_type(x.type);
  Rows a = as_type(x, type, w.in, wide_x);
  // The product stores its own type or f32: anything else goes through f32.
  Rows c = y;
  if (y.type != type && y.type != ScalarType::f32) {
    int64_t capacity = padded_rows(y.rows);
    c = {wide_y.get(static_cast<size_t>(capacity * w.out) * 4), y.rows, capacity, ScalarType::f32};
  }
  int64_t padded = padded_rows(x.rows);
  int64_t m = padded <= a.capacity && padded <= c.capacity ? padded : x.rows;
  int64_t step = needs_panels(w, type) ? panel_rows(w, type) : w.out;
  for (int64_t begin = 0; begin < w.out; begin += step) {
    int64_t end = std::min(begin + step, w.out);
    const void* panel = needs_panels(w, type) ? make_panel(w, type, begin, end) : w.data;
    matmul({m, end - begin, w.in, type, true, w.in, w.in, w.out, c.type}, a.data, panel,
           at(c.data, begin, c.type));
  }
  if (c.data != y.data) convert(ScalarType::f32, c.data, y.type, y.data, y.rows * w.out);
  if (bias != nullptr) add_bias(bias, y, w.out);
}

void linear_backward(const LinearWeight& w, const Rows& d_y, float* d_x, int64_t d_x_capacity) {
  if (d_y.rows == 0) return;
  static thread_local GrownBuffer wide;
  const ScalarType type = compute_type(d_y.type);
  Rows a = as_type(d_y, type, w.out, wide);
  int64_t padded = padded_rows(d_y.rows);
  int64_t m = padded <= a.capacity && padded <= d_x_capacity ? padded : d_y.rows;
  int64_t step = needs_panels(w, type) ? panel_rows(w, type) : w.out;
  for (int64_t begin = 0; begin < w.out; begin += step) {
    int64_t end = std::min(begin + step, w.out);
    const void* panel = needs_panels(w, type) ? make_panel(w, type, begin, end) : w.data;
    matmul({m, w.in, end - begin, type, false, w.out, w.in, w.in, ScalarType::f32, true},
           at(a.data, begin, type), panel, d_x);
  }
}

}  // namespace graft::kernels
