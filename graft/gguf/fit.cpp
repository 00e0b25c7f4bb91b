#include "graft/gguf/fit.h"

#include <algorithm>
#include <cmath>

#include "graft/gguf/lanes.h"

namespace graft::gguf {
namespace {

constexpr int kWidths = 6;          // tried to either side
constexpr float kWidthStep = 0.2f;  // of a step of q
constexpr int kRefinements = 2;

double affine_error(std::span<const float> numbers, float most, const AffineFit& fit) {
  const Lanes scale = all(fit.scale), minimum = all(fit.minimum);
  const Lanes inverse = all(fit.scale > 0 ? 1 / fit.scale : 0);
  Lanes error = all(0);
  for (size_t i = 0; i < numbers.size(); i += kLanes) {
    const Lanes x = lanes_at(&numbers[i]);
    const Lanes off = scale * rounded((x - minimum) * inverse, 0, most) + minimum - x;
    error += off * off;
  }
  return sum(error);
}

// The least squares for the q that a fit rounds to.
AffineFit refined(std::span<const float> numbers, float most, bool not_above_zero,
                  const AffineFit& fit) {
  const Lanes minimum = all(fit.minimum), inverse = all(fit.scale > 0 ? 1 / fit.scale : 0);
  Lanes q_lanes = all(0), qq_lanes = all(0), x_lanes = all(0), qx_lanes = all(0);
  for (size_t i = 0; i < numbers.size(); i += kLanes) {
    const Lanes x = lanes_at(&numbers[i]);
    const Lanes q = rounded((x - minimum) * inverse, 0, most);
    q_lanes += q;
    qq_lanes += q * q;
    x_lanes += x;
    qx_lanes += q * x;
  }
  const double q_sum = sum(q_lanes), qq = sum(qq_lanes), x_sum = sum(x_lanes), qx = sum(qx_lanes);
  const auto n = static_cast<double>(numbers.size());
  const double determinant = n * qq - q_sum * q_sum;
  if (determinant <= 0) return fit;
  double scale = (n * qx - q_sum * x_sum) / determinant;
  double least = (qq * x_sum - q_sum * qx) / determinant;
  if (not_above_zero && least > 0) {
    least = 0;
    scale = qx / qq;
  }
  if (!(scale > 0)) return fit;
  AffineFit result{static_cast<float>(scale), static_cast<float>(least)};
  result.error = affine_error(numbers, most, result);
  return result;
}

}  // namespace

AffineFit fit_affine(std::span<const float> numbers, int most, bool not_above_zero) {
  const auto [low_at, high_at] = std::minmax_element(numbers.begin(), numbers.end());
  const float low = not_above_zero ? std::min(*low_at, 0.0f) : *low_at, high = *high_at;
  const auto top = static_cast<float>(most);
  if (!(high > low)) {
    AffineFit flat{0, low};
    flat.error = affine_error(numbers, top, flat);
    return flat;
  }
  AffineFit best{(high - low) / top, low};
  best.error = affine_error(numbers, top, best);
  for (const float below : {0.0f, 0.5f}) {  // the first step may begin before the smallest number
    for (int i = -kWidths; i <= kWidths; ++i) {
      const float step = (high - low) / (top - below + kWidthStep * static_cast<float>(i));
      AffineFit fit{step, low - below * step};
      for (int round = 0; round < kRefinements; ++round) {
        fit = refined(numbers, top, not_above_zero, fit);
        if (fit.error > 0 && fit.error < best.error) best = fit;
      }
    }
  }
  return best;
}

SignedFit fit_signed(std::span<const float> numbers, int most) {
  const auto top = static_cast<float>(most);
  const float largest = *std::max_element(
      numbers.begin(), numbers.end(), [](float a, float b) { return std::abs(a) < std::abs(b); });
  const auto error_of = [&](float scale) {
    const Lanes inverse = all(1 / scale);
    Lanes error = all(0);
    for (size_t i = 0; i < numbers.size(); i += kLanes) {
      const Lanes x = lanes_at(&numbers[i]);
      const Lanes off = all(scale) * rounded(x * inverse, -top, top - 1) - x;
      error += off * off;
    }
    return static_cast<double>(sum(error));
  };
  SignedFit best;
  if (largest == 0) return best;
  best = {largest / -top, error_of(largest / -top)};
  for (int i = -kWidths; i <= kWidths; ++i) {
    float scale = largest / -(top + kWidthStep * static_cast<float>(i));
    for (int round = 0; round < kRefinements; ++round) {
      const Lanes inverse = all(1 / scale);
      Lanes qq_lanes = all(0), qx_lanes = all(0);
      for (size_t j = 0; j < numbers.size(); j += kLanes) {
        const Lanes x = lanes_at(&numbers[j]), q = rounded(x * inverse, -top, top - 1);
        qq_lanes += q * q;
        qx_lanes += q * x;
      }
      const double qq = sum(qq_lanes), qx = sum(qx_lanes);
      if (qq > 0 && qx != 0) scale = static_cast<float>(qx / qq);
      if (const double error = error_of(scale); error < best.error) best = {scale, error};
    }
  }
  return best;
}

}  // namespace graft::gguf
