#include "graft/kernels/panel_product.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <list>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/threads.h"
#include "graft/kernels/scalar/panel_product.h"
#include "tests/kernels/each_isa.h"
#include "tests/kernels/random_quantized.h"

namespace graft::kernels {
namespace {

// A sum of products and all that it reads, from a seed.
class Case {
 public:
  Case(int64_t rows, int64_t columns, ScalarType type, int64_t offset = 0)
      : rows_(rows), columns_(columns), type_(type), offset_(offset) {}

  Case& dense(int64_t depth, bool transposed) { return dense(depth, transposed, type_); }

  Case& dense(int64_t depth, bool transposed, ScalarType weight_type) {
    const Numbers& w = numbers(weight_type, depth * columns_);
    add(depth, transposed, {.data = w.data(), .type = weight_type, .quantized = false});
    return *this;
  }

  // A product whose left operand is stored as columns.
  Case& columns(int64_t depth) {
    dense(depth, false);
    terms_.back().left_transposed = true;
    return *this;
  }

  Case& quantized(int64_t depth, bool transposed, int bits, int group,
                  ScalarType scale_type = ScalarType::f16) {
    quantized_.emplace_back(transposed ? columns_ : depth, transposed ? depth : columns_, bits,
                            group, scale_type, seed_++);
    add(depth, transposed, {.quantized = true, .matrix = quantized_.back().matrix});
    return *this;
  }

  Case& quantized(int64_t depth, bool transposed, QuantizationMode mode) {
    quantized_.emplace_back(transposed ? columns_ : depth, transposed ? depth : columns_, mode,
                            seed_++);
    add(depth, transposed, {.quantized = true, .matrix = quantized_.back().matrix});
    return *this;
  }

  Case& low_rank(int64_t rank, float scale) {
    const Numbers& left = numbers(ScalarType::f32, rows_ * rank);
    const Numbers& right = numbers(ScalarType::f32, rank * columns_);
    low_rank_.push_back({static_cast<const float*>(left.data()),
                         static_cast<const float*>(right.data()), rank, scale});
    depth_ += static_cast<double>(rank) * std::abs(scale);
    return *this;
  }

  Case& bias(ScalarType out_type) {
    bias_ = numbers(out_type, columns_).data();
    return *this;
  }

  // Of the columns of the result, and of the last term's left operand.
  Case& factors() {
    factors_ = static_cast<const float*>(numbers(ScalarType::f32, columns_).data());
    ProductTerm& term = terms_.back();
    term.left_factors = static_cast<const float*>(numbers(ScalarType::f32, term.depth()).data());
    return *this;
  }

  Case& int8() {
    int8_ = true;
    return *this;
  }

  Case& accumulate() {
    accumulate_ = true;
    return *this;
  }

  Numbers run(ScalarType out_type) const { return computed(out_type, panel_product); }

  void check(ScalarType out_type) const {
    SCOPED_TRACE(testing::Message()
                 << rows_ << " x " << columns_ << ", type " << static_cast<int>(type_) << " to "
                 << static_cast<int>(out_type));
    const Numbers expected = computed(out_type, panel_product_scalar);
    expect_close(run(out_type), expected, 1e-6, 3e-7 * (depth_ + 1));
  }

 private:
  // Left operands are in [-1, 1), as are dense weights.
  const Numbers& numbers(ScalarType type, int64_t count) {
    return numbers_.emplace_back(type, count, offset_).random(seed_++, -1, 1);
  }

  void add(int64_t depth, bool transposed, LinearWeight weight) {
    weight.out = transposed ? columns_ : depth;
    weight.in = transposed ? depth : columns_;
    terms_.push_back({numbers(type_, rows_ * depth).data(), type_, weight, transposed});
    depth_ += static_cast<double>(depth);
  }

  template <class Compute>
  Numbers computed(ScalarType out_type, Compute&& compute) const {
    Numbers out = Numbers(out_type, rows_ * columns_, offset_).random(99);
    compute({rows_, columns_, terms_, low_rank_, bias_, out.data(), out_type, accumulate_, factors_,
             int8_});
    return out;
  }

  int64_t rows_, columns_;
  ScalarType type_;
  int64_t offset_;
  unsigned seed_ = 1;
  double depth_ = 0;
  std::list<Numbers> numbers_;
  std::list<RandomQuantized> quantized_;
  std::vector<ProductTerm> terms_;
  std::vector<LowRankTerm> low_rank_;
  const void* bias_ = nullptr;
  const float* factors_ = nullptr;
  bool accumulate_ = false, int8_ = false;
};

TEST(PanelProduct, EveryTypeOfOperandAndResult) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (ScalarType weight_type : kAllTypes) {
        for (ScalarType out_type : {type, ScalarType::f32}) {
          for (bool transposed : {true, false}) {
            Case(7, 70, type, 1).dense(35, transposed, weight_type).check(out_type);
          }
        }
      }
    }
  });
}

// Left operands of bf16 are rounded once more with their factors.
TEST(PanelProduct, FactorsOfColumns) {
  for_each_isa([] {
    for (ScalarType weight : kAllTypes) {
      for (int64_t columns : {1, 15, 64, 70, 130}) {
        for (bool transposed : {true, false}) {
          const ScalarType f32 = ScalarType::f32;
          Case(7, columns, f32, 1).dense(35, transposed, weight).factors().check(f32);
          Case(20, columns, f32, 1)
              .dense(600, transposed, weight)
              .factors()
              .low_rank(3, 0.5f)
              .bias(f32)
              .check(f32);
        }
      }
    }
  });
}

TEST(PanelProduct, EveryNumberOfRowsAndColumns) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t rows = 1; rows <= 20; ++rows) Case(rows, 66, type).dense(9, true).check(type);
      for (int64_t columns = 1; columns <= 130; ++columns) {
        Case(8, columns, type, columns % 2).dense(6, columns % 3 == 0).check(type);
      }
    }
  });
}

TEST(PanelProduct, EveryDepth) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t depth = 1; depth <= 70; ++depth) {
        for (bool transposed : {true, false}) {
          Case(11, 33, type, depth % 3).dense(depth, transposed).check(ScalarType::f32);
        }
      }
    }
  });
}

TEST(PanelProduct, EveryQuantizedFormat) {
  for_each_isa([] {
    for (ScalarType type : {ScalarType::f32, ScalarType::bf16}) {
      for (int bits : kAllBits) {
        for (int group : kAllGroups) {
          for (bool transposed : {true, false}) {
            // Whole groups on the side that they lie on.
            const int64_t depth = transposed ? 3 * 128 : 35, columns = transposed ? 70 : 256;
            Case(7, columns, type).quantized(depth, transposed, bits, group).check(type);
          }
        }
      }
      for (QuantizationMode mode : kSmallFloatModes) {
        for (int64_t width : {3 * 128, 9024}) {
          Case(7, 70, type).quantized(width, true, mode).check(type);
          Case(7, width, type).quantized(35, false, mode).check(type);
        }
      }
      Case(7, 70, type).quantized(272, true, QuantizationMode::nvfp4).check(type);
      Case(7, 272, type).quantized(35, false, QuantizationMode::nvfp4).check(type);
    }
  });
}

// Where the processor has dot products of integers; the same code as ever elsewhere.
TEST(PanelProduct, LeftOperandsInEightBits) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int bits : kAllBits) {
        Case(7, 70, type, 1).quantized(96, true, bits, 32).int8().check(type);
      }
      for (int group : kAllGroups) {
        Case(3, 20, type, 1).quantized(3 * 128, true, 4, group).int8().check(type);
      }
      for (int64_t rows = 1; rows <= 7; ++rows) {
        for (int64_t columns : {1, 17, 48, 66}) {
          Case(rows, columns, type, 1).quantized(32, true, 4, 32).int8().check(type);
        }
      }
      Case(1537, 3, type).quantized(32, true, 4, 32).int8().check(type);
      Case(4, 18, type)
          .quantized(9024, true, 4, 32)
          .low_rank(2, 0.5f)
          .bias(type)
          .int8()
          .check(type);
      Case(9, 70, type)
          .quantized(96, true, 4, 32, ScalarType::bf16)
          .accumulate()
          .int8()
          .check(type);
      Case(7, 70, type).quantized(96, true, QuantizationMode::mxfp4).int8().check(type);
      Case(7, 96, type).quantized(35, false, 4, 32).int8().check(type);
    }
  });
}

// Gradients of x: scales and biases vary along the sum.
TEST(PanelProduct, GradientsOfQuantizedWeights) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int bits : kAllBits) {
        Case(7, 96, type, 1).quantized(208, false, bits, 32).check(type);
      }
      for (int group : kAllGroups) {
        Case(3, 2 * 128, type, 1).quantized(48, false, 4, group, ScalarType::bf16).check(type);
      }
      for (int64_t rows = 1; rows <= 7; ++rows) {
        for (int64_t columns : {32, 64, 96}) {
          Case(rows, columns, type, 1).quantized(32, false, 4, 32).check(type);
        }
      }
      Case(5, 32, type).quantized(35, false, 4, 32).check(type);  // no whole vectors of depth
      Case(1537, 32, type).quantized(32, false, 4, 32).check(type);
      Case(9, 64, type)
          .quantized(2304, false, 4, 64)
          .quantized(80, false, 8, 64)
          .quantized(96, false, 3, 64)
          .low_rank(2, 0.5f)
          .bias(type)
          .accumulate()
          .check(type);
      Case(4, 128, type).quantized(64, false, 4, 64).quantized(64, false, 4, 32).check(type);
    }
  });
}

// x [rows, depth] times a weight in 4 bits, or its transpose, each element beside what no rounding
// of x gives.
double largest_error_of_integers(int64_t rows, int64_t depth, bool transposed, bool int8,
                                 double& largest) {
  constexpr int64_t kColumns = 64;
  const int64_t w_rows = transposed ? kColumns : depth, w_columns = transposed ? depth : kColumns;
  const RandomQuantized w(w_rows, w_columns, 4, 32, ScalarType::f16);
  const Numbers x = Numbers(ScalarType::bf16, rows * depth).random(5, -1, 1);
  const LinearWeight weight{.out = w_rows, .in = w_columns, .quantized = true, .matrix = w.matrix};
  const ProductTerm term{x.data(), ScalarType::bf16, weight, transposed};
  Numbers out(ScalarType::f32, rows * kColumns);
  panel_product({.rows = rows,
                 .columns = kColumns,
                 .terms = {&term, 1},
                 .out = out.data(),
                 .out_type = ScalarType::f32,
                 .int8 = int8});
  double error = 0;
  largest = 0;
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = 0; c < kColumns; ++c) {
      double sum = 0;
      for (int64_t k = 0; k < depth; ++k) {
        sum += double{load_scalar(ScalarType::bf16, x.data(), r * depth + k)} *
               weight_scalar(weight, transposed ? c : k, transposed ? k : c, ScalarType::f32);
      }
      error = std::max(error, std::abs(sum - out.get(r * kColumns + c)));
      largest = std::max(largest, std::abs(sum));
    }
  }
  return error;
}

// Far less than the rounding of a result to bf16, 2^-9, and with 8 bits about as much.
TEST(PanelProduct, WhatIntegersLose) {
  int with_bytes = 0, with_words = 0;
  for_each_isa([&] {
    double largest = 0;
    if (multiplies_int8()) {
      const double error = largest_error_of_integers(20, 1536, true, true, largest);
      EXPECT_LT(error, 0x1p-7 * largest);
      EXPECT_GT(error, 0x1p-15 * largest);  // it was done in 8 bits
      ++with_bytes;
    }
    if (isa_name() != "avx3_vnni") return;
    const double error = largest_error_of_integers(20, 1536, true, false, largest);
    EXPECT_LT(error, 0x1p-15 * largest);
    const double of_gradient = largest_error_of_integers(20, 1536, false, false, largest);
    EXPECT_LT(of_gradient, 0x1p-13 * largest);
    EXPECT_GT(of_gradient, 0x1p-20 * largest);
    ++with_words;
  });
  const auto isas = supported_isas();
  const auto has = [&](const char* name) { return std::count(isas.begin(), isas.end(), name) > 0; };
  EXPECT_EQ(with_words > 0, has("avx3_vnni"));
  EXPECT_EQ(with_bytes > 0, has("avx2"));
}

// The sum of a product with a number that is not finite is NaN, and no other row's.
TEST(PanelProduct, NumbersThatAreNotFinite) {
  constexpr int64_t kSize = 64;
  for_each_isa([] {
    for (const auto& [transposed, int8] : {std::pair(true, false), {true, true}, {false, false}}) {
      for (const float strange :
           {std::numeric_limits<float>::quiet_NaN(), std::numeric_limits<float>::infinity()}) {
        const RandomQuantized w(kSize, kSize, 4, 32, ScalarType::f16);
        Numbers x = Numbers(ScalarType::bf16, 40 * kSize).random(5, -1, 1);
        x.set(33 * kSize + 40, strange);
        const ProductTerm term{x.data(),
                               ScalarType::bf16,
                               {.out = kSize, .in = kSize, .quantized = true, .matrix = w.matrix},
                               transposed};
        Numbers out(ScalarType::f32, 40 * kSize);
        panel_product({.rows = 40,
                       .columns = kSize,
                       .terms = {&term, 1},
                       .out = out.data(),
                       .out_type = ScalarType::f32,
                       .int8 = int8});
        for (int64_t i = 0; i < out.count(); ++i) {
          EXPECT_EQ(std::isfinite(out.get(i)), i / kSize != 33) << i;
        }
      }
    }
  });
}

// More depth than one panel holds, in one term and in the sum of several.
TEST(PanelProduct, DepthOfSeveralPanels) {
  for_each_isa([] {
    for (ScalarType type : {ScalarType::f32, ScalarType::bf16}) {
      for (bool transposed : {true, false}) {
        Case(13, 65, type).dense(9001, transposed).check(type);
        Case(3, 64, type).quantized(9024, transposed, 4, 32).check(type);
        Case(7, 48, type)
            .dense(1500, transposed)
            .dense(4000, !transposed)
            .dense(77, transposed)
            .dense(4100, transposed)
            .check(type);
      }
      // More rows than are packed at a time.
      Case(801, 3, type).dense(4700, true).low_rank(2, 0.5f).bias(type).check(type);
    }
  });
}

TEST(PanelProduct, AddsToWhatThereIs) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t columns : {1, 64, 83}) {
        Case(8, columns, type, 1).dense(21, true).low_rank(2, 0.5f).accumulate().check(type);
      }
      Case(7, 70, type).dense(4200, false).accumulate().check(ScalarType::f32);
    }
  });
}

TEST(PanelProduct, SumsOfManyTermsWithLowRankAndBias) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t rank : {1, 3, 8, 64}) {
        Case(19, 75, type, 1)
            .dense(33, false)
            .low_rank(rank, 1.5f)
            .dense(20, true)
            .low_rank(2, -0.5f)
            .bias(type)
            .check(type);
      }
      Case many(5, 17, type);
      for (int i = 0; i < 40; ++i) many.dense(3, i % 2 == 0);
      many.check(type);
      Case(9, 37, type).low_rank(5, 2.0f).check(ScalarType::f32);
    }
  });
}

TEST(PanelProduct, LeftOperandsThatAreColumns) {
  for_each_isa([] {
    for (ScalarType type : kAllTypes) {
      for (int64_t rows : {1, 5, 6, 7, 95, 96, 97, 203}) {
        Case(rows, 35, type, rows % 2).columns(rows % 64 + 1).check(ScalarType::f32);
      }
      for (int64_t depth : {1, 2, 63, 64, 65, 127, 128, 129, 300}) {
        Case(20, 17, type, 1).columns(depth).dense(9, true).check(ScalarType::f32);
      }
      Case(801, 3, type).columns(4700).accumulate().check(ScalarType::f32);
    }
  });
}

// The order of a sum is that of its terms, whatever threads compute it.
TEST(PanelProduct, AnyNumberOfThreadsGivesTheSameBytes) {
  for_each_isa([] {
    std::optional<ThreadsScope> scope;
    for (ScalarType type : {ScalarType::f32, ScalarType::bf16}) {
      Case product(97, 224, type);  // whole groups of a row
      product.dense(300, true).quantized(5000, false, 4, 32).low_rank(8, 2.0f);
      std::vector<Numbers> results;
      for (int threads : {1, 2, 3}) {
        scope.emplace(threads);
        results.push_back(product.run(type));
      }
      for (const Numbers& result : results) {
        EXPECT_EQ(std::memcmp(result.data(), results[0].data(),
                              static_cast<size_t>(result.count()) * size_of(type)),
                  0);
      }
    }
  });
}

}  // namespace
}  // namespace graft::kernels
