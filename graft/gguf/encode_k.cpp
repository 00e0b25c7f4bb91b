#include "graft/gguf/encode_k.h"

#include <mlx/types/half_types.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "graft/gguf/fit.h"
#include "graft/gguf/k_blocks.h"
#include "graft/gguf/lanes.h"

namespace graft::gguf {
namespace {

using Half = mlx::core::float16_t;

constexpr int kMostScale = 63;  // of 6 bits
constexpr int kRounds = 3;

struct Put {
  std::byte* out;

  void half(float value) {
    const Half half(value);
    std::memcpy(out, &half, sizeof half);
    out += sizeof half;
  }
  void byte(int value) { *out++ = static_cast<std::byte>(static_cast<uint8_t>(value)); }
};

float stored(float value) { return static_cast<float>(Half(value)); }

// Numbers as d sc[j] q - dmin m[j], eight groups of 32: Q4_K and Q5_K.
struct AffineBlock {
  float d = 0, d_min = 0;
  std::array<int, 8> scale{}, minimum{};
  std::array<uint8_t, kKBlock> q{};
  double error = 0;
};

// Rounds to the grid of a block, and sums the errors.
double round_group(std::span<const float> x, float scale, float minimum, int most, float* q) {
  const float inverse = scale > 0 ? 1 / scale : 0;
  Lanes error = all(0);
  for (size_t i = 0; i < x.size(); i += kLanes) {
    const Lanes numbers = lanes_at(&x[i]);
    const Lanes at = rounded((numbers + all(minimum)) * all(inverse), 0, static_cast<float>(most));
    std::memcpy(q + i, &at, sizeof at);
    const Lanes off = all(scale) * at - all(minimum) - numbers;
    error += off * off;
  }
  return sum(error);
}

// The best scales and minima of the groups, of 6 bits, for d and dmin.
AffineBlock with_numbers(std::span<const float> x, const std::array<AffineFit, 8>& fits, float d,
                         float d_min, int most) {
  AffineBlock block{.d = d, .d_min = d_min};
  for (size_t j = 0; j < 8; ++j) {
    const std::span<const float> group = x.subspan(32 * j, 32);
    const auto near = [](float value, float unit) {
      return unit > 0 ? static_cast<int>(std::nearbyint(value / unit)) : 0;
    };
    const int scale = near(fits[j].scale, d), minimum = near(-fits[j].minimum, d_min);
    double best = INFINITY;
    for (int s = std::max(0, scale - 1); s <= std::min(kMostScale, scale + 1); ++s) {
      for (int m = std::max(0, minimum - 1); m <= std::min(kMostScale, minimum + 1); ++m) {
        float q[32];
        const double error =
            round_group(group, d * static_cast<float>(s), d_min * static_cast<float>(m), most, q);
        if (error >= best) continue;
        best = error;
        block.scale[j] = s;
        block.minimum[j] = m;
        std::transform(q, q + 32, &block.q[32 * j],
                       [](float number) { return static_cast<uint8_t>(number); });
      }
    }
    block.error += best;
  }
  return block;
}

// d and dmin by least squares for the integers of a block.
std::pair<float, float> refitted(std::span<const float> x, const AffineBlock& block) {
  double aa = 0, ab = 0, bb = 0, ax = 0, bx = 0;
  for (size_t i = 0; i < kKBlock; ++i) {
    const double a = block.scale[i / 32] * static_cast<double>(block.q[i]);
    const double b = -block.minimum[i / 32];
    aa += a * a;
    ab += a * b;
    bb += b * b;
    ax += a * x[i];
    bx += b * x[i];
  }
  const double determinant = aa * bb - ab * ab;
  if (bb == 0) return {static_cast<float>(aa > 0 ? ax / aa : 0), block.d_min};
  if (!(determinant > 1e-9 * aa * bb)) return {block.d, block.d_min};
  return {static_cast<float>((bb * ax - ab * bx) / determinant),
          static_cast<float>((aa * bx - ab * ax) / determinant)};
}

AffineBlock affine_block(std::span<const float> x, int most) {
  std::array<AffineFit, 8> fits;
  float scale = 0, minimum = 0;
  for (size_t j = 0; j < 8; ++j) {
    fits[j] = fit_affine(x.subspan(32 * j, 32), most, true);
    scale = std::max(scale, fits[j].scale);
    minimum = std::max(minimum, -fits[j].minimum);
  }
  AffineBlock best =
      with_numbers(x, fits, stored(scale / kMostScale), stored(minimum / kMostScale), most);
  for (int round = 0; round < kRounds; ++round) {
    const auto [d, d_min] = refitted(x, best);
    if (!(d >= 0) || !(d_min >= 0)) break;
    const AffineBlock next = with_numbers(x, fits, stored(d), stored(d_min), most);
    if (!(next.error < best.error)) break;
    best = next;
  }
  return best;
}

void put_affine(std::span<const float> x, int bits, std::byte* out) {
  const AffineBlock block = affine_block(x, (1 << bits) - 1);
  Put put{out};
  put.half(block.d);
  put.half(block.d_min);
  // Six bits each of eight scales and minima: those of the last four groups are in four bits of
  // the last bytes and the upper two of the first eight.
  for (size_t j = 0; j < 4; ++j) put.byte(block.scale[j] | block.scale[j + 4] >> 4 << 6);
  for (size_t j = 0; j < 4; ++j) put.byte(block.minimum[j] | block.minimum[j + 4] >> 4 << 6);
  for (size_t j = 4; j < 8; ++j) put.byte((block.scale[j] & 15) | (block.minimum[j] & 15) << 4);
  if (bits == 5) {
    for (size_t i = 0; i < 32; ++i) {
      int high = 0;
      for (size_t j = 0; j < 8; ++j) high |= block.q[32 * j + i] >> 4 << j;
      put.byte(high);
    }
  }
  for (size_t pair = 0; pair < 4; ++pair) {
    for (size_t i = 0; i < 32; ++i) {
      put.byte((block.q[64 * pair + i] & 15) | (block.q[64 * pair + 32 + i] & 15) << 4);
    }
  }
}

// Numbers as d sc[j] q, q from -32 to 31, sixteen groups of 16: Q6_K.
struct SignedBlock {
  float d = 0;
  std::array<int, 16> scale{};
  std::array<int8_t, kKBlock> q{};
  double error = 0;
};

double round_signed(std::span<const float> x, float scale, float* q) {
  const float inverse = scale != 0 ? 1 / scale : 0;
  Lanes error = all(0);
  for (size_t i = 0; i < x.size(); i += kLanes) {
    const Lanes numbers = lanes_at(&x[i]);
    const Lanes at = rounded(numbers * all(inverse), -32, 31);
    std::memcpy(q + i, &at, sizeof at);
    const Lanes off = all(scale) * at - numbers;
    error += off * off;
  }
  return sum(error);
}

SignedBlock with_scales(std::span<const float> x, const std::array<SignedFit, 16>& fits, float d) {
  SignedBlock block{.d = d};
  for (size_t j = 0; j < 16; ++j) {
    const std::span<const float> group = x.subspan(16 * j, 16);
    const int near = d != 0 ? static_cast<int>(std::nearbyint(fits[j].scale / d)) : 0;
    double best = INFINITY;
    for (int s = std::max(-128, near - 1); s <= std::min(127, near + 1); ++s) {
      float q[16];
      const double error = round_signed(group, d * static_cast<float>(s), q);
      if (error >= best) continue;
      best = error;
      block.scale[j] = s;
      std::transform(q, q + 16, &block.q[16 * j],
                     [](float number) { return static_cast<int8_t>(number); });
    }
    block.error += best;
  }
  return block;
}

SignedBlock signed_block(std::span<const float> x) {
  std::array<SignedFit, 16> fits;
  float largest = 0;
  for (size_t j = 0; j < 16; ++j) {
    fits[j] = fit_signed(x.subspan(16 * j, 16), 32);
    if (std::abs(fits[j].scale) > std::abs(largest)) largest = fits[j].scale;
  }
  SignedBlock best = with_scales(x, fits, stored(largest / -128));
  for (int round = 0; round < kRounds; ++round) {
    double aa = 0, ax = 0;
    for (size_t i = 0; i < kKBlock; ++i) {
      const double a = best.scale[i / 16] * static_cast<double>(best.q[i]);
      aa += a * a;
      ax += a * x[i];
    }
    if (aa == 0) break;
    const SignedBlock next = with_scales(x, fits, stored(static_cast<float>(ax / aa)));
    if (!(next.error < best.error)) break;
    best = next;
  }
  return best;
}

}  // namespace

void encode_q4_k(std::span<const float> numbers, std::byte* out) { put_affine(numbers, 4, out); }
void encode_q5_k(std::span<const float> numbers, std::byte* out) { put_affine(numbers, 5, out); }

void encode_q6_k(std::span<const float> numbers, std::byte* out) {
  const SignedBlock block = signed_block(numbers);
  const auto q = [&](size_t i) { return block.q[i] + 32; };
  Put put{out};
  for (size_t half = 0; half < kKBlock; half += 128) {
    for (size_t i = 0; i < 64; ++i) put.byte((q(half + i) & 15) | (q(half + i + 64) & 15) << 4);
  }
  for (size_t half = 0; half < kKBlock; half += 128) {
    for (size_t i = 0; i < 32; ++i) {
      put.byte(q(half + i) >> 4 | q(half + i + 32) >> 4 << 2 | q(half + i + 64) >> 4 << 4 |
               q(half + i + 96) >> 4 << 6);
    }
  }
  for (const int scale : block.scale) put.byte(scale);
  put.half(block.d);
}

}  // namespace graft::gguf
