#include "graft/kernels/column_sums.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "graft/base/threads.h"
#include "graft/kernels/embedding.h"
#include "graft/kernels/weight_gradient.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/numbers.h"

namespace graft::kernels {
namespace {

constexpr ScalarType f32 = ScalarType::f32;

float* floats(Numbers& numbers) { return static_cast<float*>(numbers.data()); }

TEST(ColumnSums, EveryWidthAndTypeAgreesWithPlainLoops) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t width : {1, 7, 16, 33, 64, 130}) {
        const int64_t rows = 2 * width + 1;
        const Numbers x = Numbers(type, rows * width, width % 3).random(1);
        Numbers sums(f32, width, 1), expected(f32, width);
        for (int64_t j = 0; j < width; ++j) {
          double sum = 0;
          for (int64_t i = 0; i < rows; ++i) sum += x.get(i * width + j);
          expected.set(j, static_cast<float>(sum));
        }
        column_sums(x.data(), type, rows, width, floats(sums));
        expect_close(sums, expected, 1e-5, 1e-5);
      }
    }
  });
}

TEST(ColumnSums, GradientsOfNormsAgreeWithPlainLoops) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (bool centered : {false, true}) {
        for (int64_t width : {1, 5, 48, 67}) {
          const NormShape shape{70, width, 1e-3f, type, f32};
          const Numbers x = Numbers(type, 70 * width, 1).random(1, -1, 3);
          const Numbers g = Numbers(type, 70 * width).random(2);
          Numbers d_weight(f32, width), d_bias(f32, width), scratch(f32, 140);
          norm_weight_gradient(shape, centered, x.data(), g.data(), floats(d_weight),
                               floats(d_bias), floats(scratch));
          Numbers expected(f32, width), expected_bias(f32, width);
          std::vector<double> weight(static_cast<size_t>(width)), bias(weight);
          for (int64_t i = 0; i < 70; ++i) {
            double mean = 0, squares = 0;
            for (int64_t j = 0; j < width; ++j)
              mean += double{x.get(i * width + j)} / double(width);
            if (!centered) mean = 0;
            for (int64_t j = 0; j < width; ++j) {
              squares += std::pow(double{x.get(i * width + j)} - mean, 2) / double(width);
            }
            for (int64_t j = 0; j < width; ++j) {
              const auto at = static_cast<size_t>(j);
              const double gradient = g.get(i * width + j);
              bias[at] += gradient;
              weight[at] += gradient * (double{x.get(i * width + j)} - mean) /
                            std::sqrt(squares + double{1e-3f});
            }
          }
          for (int64_t j = 0; j < width; ++j) {
            expected.set(j, static_cast<float>(weight[static_cast<size_t>(j)]));
            expected_bias.set(j, static_cast<float>(bias[static_cast<size_t>(j)]));
          }
          expect_close(d_weight, expected, 1e-5, 2e-5);
          expect_close(d_bias, expected_bias, 1e-5, 1e-5);
          norm_weight_gradient(shape, centered, x.data(), g.data(), floats(d_weight), nullptr,
                               floats(scratch));
          expect_close(d_weight, expected, 1e-5, 2e-5);
        }
      }
    }
  });
}

TEST(EmbeddingGradient, AddsTheRowsOfAnIdInTheirOrder) {
  for (ScalarType type : kAllTypes) {
    const std::vector<int32_t> ids = {4, 1, 4, 0, 1, 4, 6};
    const Numbers rows = Numbers(type, 7 * 3).random(1);
    Numbers sums = Numbers(f32, 7 * 3).random(2), expected(f32, 7 * 3);
    for (int64_t i = 0; i < 21; ++i) expected.set(i, 0);
    for (size_t i = 0; i < ids.size(); ++i) {
      for (int64_t j = 0; j < 3; ++j) {
        const int64_t at = ids[i] * 3 + j;
        expected.set(at, expected.get(at) + rows.get(static_cast<int64_t>(i) * 3 + j));
      }
    }
    embedding_gradient(ids.data(), 7, rows.data(), type, 7, 3, floats(sums));
    expect_close(sums, expected, 0, 0);
  }
}

TEST(WeightGradient, AnyNumberOfThreadsGivesTheSameBytes) {
  for (ScalarType type : kAllTypes) {
    const Numbers d_y = Numbers(type, 300 * 97).random(1), x = Numbers(type, 300 * 130).random(2);
    const Numbers norm = Numbers(type, 300 * 130).random(3);
    std::vector<Numbers> results, sums;
    for (int threads : {1, 2, 3}) {
      const ThreadsScope scope(threads);
      Numbers d_weight(f32, 97 * 130), d_norm(f32, 130), scratch(f32, 600);
      weight_gradient({300, 97, 130, type, d_y.data(), x.data()}, floats(d_weight));
      norm_weight_gradient({300, 130, 1e-5f, type, type}, true, norm.data(), x.data(),
                           floats(d_norm), nullptr, floats(scratch));
      results.push_back(d_weight);
      sums.push_back(d_norm);
    }
    for (size_t i = 1; i < 3; ++i) {
      EXPECT_EQ(std::memcmp(results[i].data(), results[0].data(), 97 * 130 * 4), 0);
      EXPECT_EQ(std::memcmp(sums[i].data(), sums[0].data(), 130 * 4), 0);
    }
  }
}

}  // namespace
}  // namespace graft::kernels
