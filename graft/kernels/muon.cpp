#include "graft/kernels/muon.h"

#include <algorithm>
#include <cmath>

#include "graft/kernels/parallel.h"
#include "graft/kernels/scratch.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "graft/kernels/muon.cpp"
#include "graft/kernels/targets.h"
//
#include "graft/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace graft::kernels {
namespace HWY_NAMESPACE {

// The direction d of the elements [begin, end), and the sum of its squares.
float muon_direction(const MuonOptions& options, const float* gradient, const float* p,
                     const float* v, float* v_out, float* direction, int64_t begin, int64_t end) {
  const FloatTag d;
  const auto momentum = hn::Set(d, static_cast<float>(options.momentum));
  const auto rest = hn::Set(d, static_cast<float>(1 - options.momentum));
  const auto decay = hn::Set(d, options.weight_decay);
  auto squares = hn::Zero(d);
  for_vectors(hn::Lanes(d), begin, end, [&](int64_t i, auto lanes) HWY_ATTR {
    const auto g = hn::MulAdd(decay, load(d, p + i, lanes), load(d, gradient + i, lanes));
    const auto fresh = hn::Mul(rest, g);
    const auto kept = hn::MulAdd(momentum, load(d, v + i, lanes), fresh);
    const auto to = options.nesterov ? hn::MulAdd(momentum, kept, fresh) : kept;
    squares = hn::MulAdd(to, to, squares);
    store(d, kept, v_out + i, lanes);
    store(d, to, direction + i, lanes);
  });
  return sum_of(d, squares);
}

// x x^T of x [side, n] over the columns [begin, end), in full.
void muon_gram(const float* x, int64_t side, int64_t n, int64_t begin, int64_t end, float* gram) {
  const FloatTag d;
  for (int64_t i = 0; i < side; ++i) {
    for (int64_t j = i; j < side; ++j) {
      auto sum = hn::Zero(d);
      for_vectors(hn::Lanes(d), begin, end, [&](int64_t at, auto lanes) HWY_ATTR {
        sum = hn::MulAdd(load(d, x + i * n + at, lanes), load(d, x + j * n + at, lanes), sum);
      });
      gram[i * side + j] = gram[j * side + i] = sum_of(d, sum);
    }
  }
}

// x = factor x for factor [side, side], in the columns [begin, end).
void muon_multiply(const float* factor, int64_t side, int64_t n, int64_t begin, int64_t end,
                   float* x) {
  const FloatTag d;
  HWY_ALIGN float column[kMuonMostSide * (HWY_MAX_BYTES / sizeof(float))];
  const auto width = static_cast<int64_t>(hn::Lanes(d));
  for_vectors(hn::Lanes(d), begin, end, [&](int64_t at, auto lanes) HWY_ATTR {
    for (int64_t j = 0; j < side; ++j) {
      hn::Store(load(d, x + j * n + at, lanes), d, column + j * width);
    }
    for (int64_t i = 0; i < side; ++i) {
      auto sum = hn::Zero(d);
      for (int64_t j = 0; j < side; ++j) {
        sum = hn::MulAdd(hn::Set(d, factor[i * side + j]), hn::Load(d, column + j * width), sum);
      }
      store(d, sum, x + i * n + at, lanes);
    }
  });
}

}  // namespace HWY_NAMESPACE
}  // namespace graft::kernels
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace graft::kernels {

HWY_EXPORT(muon_direction);
HWY_EXPORT(muon_gram);
HWY_EXPORT(muon_multiply);

namespace {

constexpr double kA = 3.4445, kB = -4.7750, kC = 2.0315;
constexpr int64_t kMuonGrain = 1 << 14;  // elements that are worth a thread

// The memory of a step.
struct MuonScratch {
  float *direction, *x, *gram, *factor, *parts;

  MuonScratch(std::byte* block, int64_t count, int64_t side, int64_t most_parts) {
    Carver carver(block);
    carve(carver, count, side, most_parts);
    bytes = carver.used();
  }

  size_t bytes;

 private:
  void carve(Carver& carver, int64_t count, int64_t side, int64_t most_parts) {
    direction = carver.take<float>(count);
    x = carver.take<float>(count);
    gram = carver.take<float>(side * side);
    factor = carver.take<float>(side * side);
    parts = carver.take<float>(most_parts * side * side);
  }
};

// a I + b gram + c gram^2.
void newton_schulz_factor(const float* gram, int64_t side, float* factor) {
  for (int64_t i = 0; i < side; ++i) {
    for (int64_t j = 0; j < side; ++j) {
      float square = 0;
      for (int64_t k = 0; k < side; ++k) square += gram[i * side + k] * gram[k * side + j];
      const float even =
          static_cast<float>(kB) * gram[i * side + j] + static_cast<float>(kC) * square;
      factor[i * side + j] = even + (i == j ? static_cast<float>(kA) : 0.0f);
    }
  }
}

}  // namespace

size_t muon_scratch_bytes(int64_t rows, int64_t columns) {
  return MuonScratch(nullptr, rows * columns, std::min(rows, columns), 1).bytes;
}

void muon_update(const MuonOptions& options, int64_t rows, int64_t columns, const float* gradient,
                 const float* p, const float* v, float* p_out, float* v_out) {
  const bool tall = rows > columns;
  const int64_t side = tall ? columns : rows, n = tall ? rows : columns, count = rows * columns;
  const int64_t parts = parts_of(n, kMuonGrain / side);
  const size_t bytes = MuonScratch(nullptr, count, side, parts).bytes;
  const MuonScratch scratch(reused_scratch(bytes), count, side, parts);
  const auto each_part = [&](const auto& work) {
    run_parts(parts, [&](int64_t part, int) {
      work(part, part_begin(n, parts, part), part_begin(n, parts, part + 1));
    });
  };
  // Where the element [i, j] of x [side, n] is in the matrix.
  const auto place = [&](int64_t i, int64_t j) { return tall ? j * columns + i : i * columns + j; };

  auto direction = GRAFT_DISPATCH(muon_direction);
  run_parts(parts, [&](int64_t part, int) {
    scratch.parts[part] =
        direction(options, gradient, p, v, v_out, scratch.direction,
                  part_begin(count, parts, part, 16), part_begin(count, parts, part + 1, 16));
  });
  float squares = 0;
  for (int64_t part = 0; part < parts; ++part) squares += scratch.parts[part];
  const float norm = std::sqrt(squares) + 1e-7f;
  each_part([&](int64_t, int64_t begin, int64_t end) {
    for (int64_t i = 0; i < side; ++i) {
      for (int64_t j = begin; j < end; ++j) {
        scratch.x[i * n + j] = scratch.direction[place(i, j)] / norm;
      }
    }
  });
  auto gram = GRAFT_DISPATCH(muon_gram);
  auto multiply = GRAFT_DISPATCH(muon_multiply);
  for (int iteration = 0; iteration < options.iterations; ++iteration) {
    each_part([&](int64_t part, int64_t begin, int64_t end) {
      gram(scratch.x, side, n, begin, end, scratch.parts + part * side * side);
    });
    for (int64_t i = 0; i < side * side; ++i) {
      float sum = 0;
      for (int64_t part = 0; part < parts; ++part) sum += scratch.parts[part * side * side + i];
      scratch.gram[i] = sum;
    }
    newton_schulz_factor(scratch.gram, side, scratch.factor);
    each_part([&](int64_t, int64_t begin, int64_t end) {
      multiply(scratch.factor, side, n, begin, end, scratch.x);
    });
  }
  each_part([&](int64_t, int64_t begin, int64_t end) {
    for (int64_t i = 0; i < side; ++i) {
      for (int64_t j = begin; j < end; ++j) {
        p_out[place(i, j)] = p[place(i, j)] - options.step * scratch.x[i * n + j];
      }
    }
  });
}

}  // namespace graft::kernels
#endif
