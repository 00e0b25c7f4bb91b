#pragma once

// Cases of attention, run by the kernels and by their scalar twin.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <initializer_list>
#include <limits>
#include <vector>

#include "graft/kernels/attention.h"
#include "graft/kernels/scalar/attention.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels::attention_case {

struct Case {
  AttentionShape shape;
  std::vector<Sequence> sequences;
  int64_t offset = 0;    // elements off the allocations' alignment
  float largest = 2.0f;  // of the inputs
};

/// Sequences of these lengths, one after the other, each with `past` more keys.
inline Case make_case(AttentionShape shape, const std::vector<int64_t>& lengths, int64_t past = 0) {
  Case c{shape, {}};
  for (int64_t length : lengths) {
    Sequence s{c.shape.query_rows, c.shape.query_rows + length, c.shape.key_rows,
               c.shape.key_rows + length + past};
    c.sequences.push_back(s);
    c.shape.query_rows = s.query_end;
    c.shape.key_rows = s.key_end;
  }
  if (c.shape.scale == 0) c.shape.scale = 1 / std::sqrt(static_cast<float>(c.shape.head_dim));
  return c;
}

struct Inputs {
  explicit Inputs(const Case& c)
      : q(numbers(c, c.shape.query_rows * c.shape.heads, 1)),
        k(numbers(c, c.shape.key_rows * c.shape.kv_heads, 2)),
        v(numbers(c, c.shape.key_rows * c.shape.kv_heads, 3)),
        d_out(numbers(c, c.shape.query_rows * c.shape.heads, 4)) {}

  static Numbers numbers(const Case& c, int64_t rows, unsigned seed) {
    return Numbers(c.shape.type, rows * c.shape.head_dim, c.offset)
        .random(seed, -c.largest, c.largest);
  }

  Numbers q, k, v, d_out;
};

struct Results {
  Results(const Case& c, int64_t offset)
      : out(c.shape.type, c.shape.query_rows * c.shape.heads * c.shape.head_dim, offset),
        lse(ScalarType::f32, c.shape.query_rows * c.shape.heads, offset),
        d_q(c.shape.type, out.count(), offset),
        d_k(c.shape.type, c.shape.key_rows * c.shape.kv_heads * c.shape.head_dim, offset),
        d_v(c.shape.type, d_k.count(), offset) {}

  Numbers out, lse, d_q, d_k, d_v;
};

inline Results run(const Case& c, const Inputs& in) {
  Results r(c, c.offset);
  float* lse = static_cast<float*>(r.lse.data());
  attention(c.shape, c.sequences, in.q.data(), in.k.data(), in.v.data(), r.out.data(), lse);
  attention_backward(c.shape, c.sequences, in.q.data(), in.k.data(), in.v.data(), r.out.data(), lse,
                     in.d_out.data(), r.d_q.data(), r.d_k.data(), r.d_v.data());
  return r;
}

inline Results run_scalar(const Case& c, const Inputs& in) {
  Results r(c, 0);
  for (int64_t i = 0; i < r.out.count(); ++i) r.out.set(i, 0);
  for (int64_t i = 0; i < r.lse.count(); ++i) r.lse.set(i, 0);
  attention_scalar(c.shape, c.sequences, in.q.data(), in.k.data(), in.v.data(), r.out.data(),
                   static_cast<float*>(r.lse.data()));
  attention_backward_scalar(c.shape, c.sequences, in.q.data(), in.k.data(), in.v.data(),
                            in.d_out.data(), r.d_q.data(), r.d_k.data(), r.d_v.data());
  return r;
}

/// Within `tolerance` of the largest number of the tensor, or of 1: what is zero by cancellation is
/// not zero in f32.
inline void expect_near(const char* name, const Numbers& actual, const Numbers& expected,
                        double tolerance) {
  SCOPED_TRACE(name);
  double largest = 1;
  for (int64_t i = 0; i < expected.count(); ++i) {
    if (std::isfinite(expected.get(i))) {
      largest = std::max(largest, std::abs(double{expected.get(i)}));
    }
  }
  expect_close(actual, expected, 0, tolerance * largest);
}

/// bf16's rounding error is 2^-9: of the weights, of `out`, from which delta comes, and of the
/// result.
inline double tolerance_of(ScalarType type) {
  return type == ScalarType::f32 ? 2e-6 : type == ScalarType::f16 ? 2e-3 : 1.5e-2;
}

inline void check(const Case& c) {
  SCOPED_TRACE(testing::Message() << c.shape.heads << "/" << c.shape.kv_heads << " heads of "
                                  << c.shape.head_dim << ", type " << static_cast<int>(c.shape.type)
                                  << ", " << c.sequences.size() << " sequences, the first of "
                                  << c.sequences[0].query_end << " queries and "
                                  << c.sequences[0].key_end << " keys, offset " << c.offset
                                  << ", window " << c.shape.window << ", soft cap "
                                  << c.shape.soft_cap);
  const Inputs in(c);
  const Results expected = run_scalar(c, in);
  // A score has the error of tanh times the cap, in f32 the largest one.
  const double capped = 6e-7 * double{c.shape.soft_cap};
  const double tolerance = tolerance_of(c.shape.type) + capped;
  for_each_isa([&] {
    const Results actual = run(c, in);
    expect_near("out", actual.out, expected.out, tolerance);
    expect_near("lse", actual.lse, expected.lse, 2e-6 + capped);
    expect_near("d_q", actual.d_q, expected.d_q, 2 * tolerance);
    expect_near("d_k", actual.d_k, expected.d_k, 2 * tolerance);
    expect_near("d_v", actual.d_v, expected.d_v, tolerance);
  });
}

/// One head of 16 for 20 queries, of which query 7 has a NaN: its output is NaN, no other's.
inline void check_nan_of_a_row(const AttentionShape& shape) {
  const Case c = make_case(shape, {20});
  Inputs in(c);
  in.q.set(7 * 16 + 3, std::numeric_limits<float>::quiet_NaN());
  for_each_isa([&] {
    const Results actual = run(c, in);
    for (int64_t i = 0; i < actual.out.count(); ++i) {
      ASSERT_EQ(std::isnan(actual.out.get(i)), i / 16 == 7) << i;
    }
  });
}

/// One sequence of `length` queries, of which those from each of `begins` on are also computed
/// alone, after keys of the others: the same bytes.
inline void check_chunks(const AttentionShape& shape, int64_t length,
                         std::initializer_list<int64_t> begins) {
  const Case whole = make_case(shape, {length});
  const int64_t width = shape.heads * shape.head_dim;
  const Inputs in(whole);
  for_each_isa([&] {
    const Results expected = run(whole, in);
    for (int64_t begin : begins) {
      Case chunk = whole;
      chunk.sequences = {{0, length - begin, 0, length}};
      chunk.shape.query_rows = length - begin;
      const size_t bytes = static_cast<size_t>(width * begin) * size_of(shape.type);
      Numbers out(shape.type, chunk.shape.query_rows * width);
      attention(chunk.shape, chunk.sequences, static_cast<const char*>(in.q.data()) + bytes,
                in.k.data(), in.v.data(), out.data(), nullptr);
      for (int64_t i = 0; i < out.count(); ++i) {
        ASSERT_EQ(out.get(i), expected.out.get(width * begin + i)) << "at " << i;
      }
    }
  });
}

/// d/dx of sum(out * d_out), by central differences of the forward.
inline void check_differences(const Case& c, const Inputs& in, Numbers Inputs::*input,
                              const Numbers& gradient) {
  constexpr float kStep = 0.02f;
  const auto loss = [&](const Inputs& at) {
    Results r(c, 0);
    attention(c.shape, c.sequences, at.q.data(), at.k.data(), at.v.data(), r.out.data(), nullptr);
    double sum = 0;
    for (int64_t i = 0; i < r.out.count(); ++i) sum += double{r.out.get(i)} * in.d_out.get(i);
    return sum;
  };
  Inputs moved = in;
  for (int64_t i = 0; i < gradient.count(); ++i) {
    const float x = (in.*input).get(i);
    (moved.*input).set(i, x + kStep);
    const double above = loss(moved);
    (moved.*input).set(i, x - kStep);
    const double below = loss(moved);
    (moved.*input).set(i, x);
    ASSERT_NEAR(gradient.get(i), (above - below) / (2 * double{kStep}), 2e-3) << "at " << i;
  }
}

}  // namespace graft::kernels::attention_case
