#include "graft/calibration/descent.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <cmath>

#include "graft/base/thread_pool.h"
#include "graft/calibration/products.h"

namespace graft::calibration {
namespace {

constexpr int kRowsAPart = 16;

// A group of a row, while the row's others stay. Its error changes by -2 d c + d H d^T when its
// numbers change by d.
class Group {
 public:
  Group(const float* moments, size_t size) : moments_(moments), size_(size) {}

  // `left`: what is missing of each number; `pull`: left H.
  void bind(uint8_t* codes, float* scale, float* bias, float* left, float* pull) {
    codes_ = codes;
    scale_ = scale;
    bias_ = bias;
    left_ = left;
    pull_ = pull;
  }

  void move_codes(int most) {
    const float scale = *scale_;
    if (scale == 0) return;
    for (size_t i = 0; i < size_; ++i) {
      const float square = scale * scale * moments_[i * size_ + i];
      const float gain = 2 * scale * pull_[i];
      const float step = std::abs(gain) > square ? (gain > 0 ? 1.0f : -1.0f) : 0;
      const float code = static_cast<float>(codes_[i]) + step;
      if (step == 0 || code < 0 || code > static_cast<float>(most)) continue;
      codes_[i] = static_cast<uint8_t>(code);
      change(i, step * scale);
    }
  }

  void fit_scale_and_bias(mx::Dtype dtype) {
    // Of a change by a * codes + b: the error's terms.
    double codes_codes = 0, codes_ones = 0, ones_ones = 0, codes_pull = 0, ones_pull = 0;
    for (size_t i = 0; i < size_; ++i) {
      const float* row = moments_ + i * size_;
      float of_codes = 0, of_ones = 0;
      for (size_t j = 0; j < size_; ++j) {
        of_codes += row[j] * static_cast<float>(codes_[j]);
        of_ones += row[j];
      }
      codes_codes += double{of_codes} * codes_[i];
      codes_ones += of_codes;
      ones_ones += of_ones;
      codes_pull += double{pull_[i]} * codes_[i];
      ones_pull += pull_[i];
    }
    if (!(ones_ones > 0)) return;
    const double determinant = codes_codes * ones_ones - codes_ones * codes_ones;
    double a = 0;
    if (determinant > 1e-6 * codes_codes * ones_ones) {
      a = (codes_pull * ones_ones - ones_pull * codes_ones) / determinant;
    }
    const float scale = as_stored(static_cast<float>(*scale_ + a), dtype);
    a = double{scale} - *scale_;
    double b = (ones_pull - a * codes_ones) / ones_ones;
    const float bias = as_stored(static_cast<float>(*bias_ + b), dtype);
    b = double{bias} - *bias_;
    const double change = -2 * (a * codes_pull + b * ones_pull) + a * a * codes_codes +
                          2 * a * b * codes_ones + b * b * ones_ones;
    if (!(change < 0)) return;
    for (size_t i = 0; i < size_; ++i) {
      this->change(i, static_cast<float>(a * codes_[i] + b));
    }
    *scale_ = scale;
    *bias_ = bias;
  }

 private:
  // Number i grows by `by`.
  void change(size_t i, float by) {
    left_[i] -= by;
    const float* row = moments_ + i * size_;
    for (size_t j = 0; j < size_; ++j) pull_[j] -= by * row[j];
  }

  const float* moments_;
  size_t size_;
  uint8_t* codes_ = nullptr;
  float *scale_ = nullptr, *bias_ = nullptr, *left_ = nullptr, *pull_ = nullptr;
};

}  // namespace

void descend(const mx::array& target, const mx::array& moments, AffineMatrix& matrix, int sweeps) {
  const int in = matrix.in, out = matrix.out, size = matrix.group_size;
  mx::array left = mx::contiguous(mx::subtract(target, matrix.dense()));
  left.eval();
  auto* missing = left.data<float>();
  for (int at = 0; at < sweeps * matrix.groups(); ++at) {
    const int group = at % matrix.groups(), begin = group * size;
    mx::array pull =
        mx::contiguous(product(left, mx::slice(moments, {begin, 0}, {begin + size, in})));
    mx::array own =
        mx::contiguous(mx::slice(moments, {begin, begin}, {begin + size, begin + size}));
    mx::eval(pull, own);
    auto* pulls = pull.data<float>();
    const int64_t parts = (out + kRowsAPart - 1) / kRowsAPart;
    run_parts(parts, [&](int64_t part, int) {
      Group one(own.data<float>(), static_cast<size_t>(size));
      const auto last = std::min<int64_t>(out, (part + 1) * kRowsAPart);
      for (int64_t row = part * kRowsAPart; row < last; ++row) {
        const auto of_row =
            static_cast<size_t>(row) * static_cast<size_t>(in) + static_cast<size_t>(begin);
        const size_t of_group = static_cast<size_t>(row) * static_cast<size_t>(matrix.groups()) +
                                static_cast<size_t>(group);
        one.bind(matrix.codes.data() + of_row, &matrix.scales[of_group], &matrix.biases[of_group],
                 missing + of_row, pulls + static_cast<size_t>(row) * static_cast<size_t>(size));
        one.move_codes(matrix.most());
        one.fit_scale_and_bias(matrix.dtype);
        one.move_codes(matrix.most());
      }
    });
  }
}

}  // namespace graft::calibration
