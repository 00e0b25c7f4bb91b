#include "graft/kernels/adam8.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>

#include "graft/kernels/scalar/adam8.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

constexpr ScalarType f32 = ScalarType::f32;

float* floats(Numbers& numbers) { return static_cast<float*>(numbers.data()); }

// A parameter and its averages, in memory that ends where they do.
struct State {
  explicit State(int64_t count, int64_t offset)
      : p(Numbers(f32, count, offset).random(2)),
        m(static_cast<size_t>(count)),
        v(static_cast<size_t>(count)),
        m_largest(Numbers(f32, blocks(count)).random(3, 0.0f, 1.0f)),
        v_largest(Numbers(f32, blocks(count)).random(4, 0.0f, 1.0f)) {
    std::mt19937 engine(5);
    for (uint8_t& code : m) code = static_cast<uint8_t>(engine());
    for (uint8_t& code : v) code = static_cast<uint8_t>(engine());
  }

  static int64_t blocks(int64_t count) {
    return (count + DynamicMap::kBlock - 1) / DynamicMap::kBlock;
  }

  CodedInput m_in() { return {m.data(), floats(m_largest)}; }
  CodedInput v_in() { return {v.data(), floats(v_largest)}; }
  CodedOutput m_out() { return {m.data(), floats(m_largest)}; }
  CodedOutput v_out() { return {v.data(), floats(v_largest)}; }

  Numbers p;
  std::vector<uint8_t> m, v;
  Numbers m_largest, v_largest;
};

// A rounding of the averages may move what lies between two codes to the other.
void expect_codes(const std::vector<uint8_t>& found, const std::vector<uint8_t>& expected) {
  size_t apart = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    EXPECT_LE(std::abs(found[i] - expected[i]), 1) << i;
    apart += found[i] != expected[i] ? 1 : 0;
  }
  EXPECT_LE(apart, found.size() / 1000);
}

void check(const AdamOptions& options, int64_t count, int64_t offset) {
  SCOPED_TRACE(count);
  Numbers g = Numbers(f32, count, offset).random(1);
  State old(count, offset), found(old), expected(old);
  adam8_update(options, count, floats(g), floats(old.p), old.m_in(), old.v_in(), floats(found.p),
               found.m_out(), found.v_out());
  adam8_update_scalar(options, count, floats(g), floats(old.p), old.m_in(), old.v_in(),
                      floats(expected.p), expected.m_out(), expected.v_out());
  expect_close(found.p, expected.p, 4e-7, 4e-7);
  expect_close(found.m_largest, expected.m_largest, 2e-7, 2e-7);
  expect_close(found.v_largest, expected.v_largest, 2e-7, 2e-7);
  expect_codes(found.m, expected.m);
  expect_codes(found.v, expected.v);
  // In place.
  adam8_update(options, count, floats(g), floats(old.p), old.m_in(), old.v_in(), floats(old.p),
               old.m_out(), old.v_out());
  expect_close(old.p, found.p, 0, 0);
  EXPECT_EQ(old.m, found.m);
  EXPECT_EQ(old.v, found.v);
}

TEST(Adam8, EveryLengthAndMisalignmentAgreesWithTheScalarCode) {
  for_each_isa([] {
    for (int64_t count = 0; count <= 66; ++count) check({.learning_rate = 1e-2f}, count, count % 4);
    for (int64_t count = 250; count <= 260; ++count) check({.learning_rate = 1e-2f}, count, 0);
    check({.learning_rate = 1e-2f}, 100003, 1);
  });
}

TEST(Adam8, WeightDecayAndBiasCorrectionAgreeWithTheScalarCode) {
  for_each_isa([] {
    check({.learning_rate = 1e-2f,
           .weight_decay = 0.1f,
           .bias_correction1 = 0.1f,
           .bias_correction2 = 0.001f},
          300, 0);
  });
}

TEST(Adam8, ABlockOfZerosStaysOne) {
  for_each_isa([] {
    State state(300, 0);
    for (int64_t i = 0; i < 2; ++i) state.m_largest.set(i, 0), state.v_largest.set(i, 0);
    const std::vector<float> zeros(300);
    const Numbers before(state.p);
    adam8_update({.learning_rate = 1e-2f}, 300, zeros.data(), floats(state.p), state.m_in(),
                 state.v_in(), floats(state.p), state.m_out(), state.v_out());
    expect_close(state.p, before, 0, 0);
    EXPECT_EQ(state.m, std::vector<uint8_t>(300));
    EXPECT_EQ(state.m_largest.get(1), 0);
  });
}

TEST(Adam8, ANanReachesTheParameter) {
  for_each_isa([] {
    State state(5, 0);
    const float g[] = {0, 0, NAN, 0, 0};
    adam8_update({.learning_rate = 1e-2f}, 5, g, floats(state.p), state.m_in(), state.v_in(),
                 floats(state.p), state.m_out(), state.v_out());
    EXPECT_TRUE(std::isnan(state.p.get(2)));
    EXPECT_FALSE(std::isnan(state.p.get(1)));
  });
}

TEST(DynamicMap, EveryValueBut0HasItsOwnCode) {
  for (const DynamicMap* map : {&signed_map(), &unsigned_map()}) {
    for (size_t code = 0; code < 256; ++code) {
      const float value = map->values[code];
      if (std::abs(value) < 1e-3f) continue;  // less than a few of the 65536 steps
      const auto step = static_cast<size_t>((value + 1) * 0.5f * 65535 + 0.5f);
      EXPECT_EQ(map->codes[step], code);
    }
  }
}

}  // namespace
}  // namespace graft::kernels
