#pragma once

#include <cstdint>
#include <span>

#include "graft/kernels/quantized.h"
#include "graft/kernels/scalar_type.h"

namespace graft::kernels {

/// A weight matrix, row after row; aligned to the element only.
struct DenseMatrix {
  const void* data;  ///< [rows, columns]
  ScalarType type;
  int64_t rows;
  int64_t columns;
};

/// y = x w^T + bias.
template <class Matrix>
struct MatvecProduct {
  Matrix w;
  const void* bias;  ///< [w.rows] of x's type, or null
  void* y;           ///< [x_rows, w.rows]
};

/// Products of a few rows of x with weights of equally many columns, as in decoding. The weights
/// are read once for every eight rows, and reading them takes most of the time. x [x_rows, columns]
/// is of x_type, every y of y_type. Accumulates in f32; the order of a sum depends on the
/// instruction set, not on x_rows, the threads or the other products.
void matvec(std::span<const MatvecProduct<DenseMatrix>> products, int64_t x_rows, const void* x,
            ScalarType x_type, ScalarType y_type);

/// The same for quantized matrices, all with the same mode, bits and group size; their numbers are
/// not rounded to any storage type. With 4 or 8 bits, an x of bf16 is multiplied as it is where
/// there are dot products of bf16, but for 8 bits in mode affine. Elsewhere, but for mode mxfp8, x
/// is rounded per group to integers (with vector instructions), and to zeros if its largest number
/// is below 2^-100: where there are dot products of integers and x is of 16 bits, the largest
/// number becomes 32767; else x is rounded to f32's precision of that. The sum of a group, before
/// its scale, must fit in f32: the largest number may be 3e35.
void matvec(std::span<const MatvecProduct<QuantizedMatrix>> products, int64_t x_rows, const void* x,
            ScalarType x_type, ScalarType y_type);

/// Whether `matvec` rounds an x of such numbers to 16-bit integers, its largest number of a group
/// to 32767.
bool rounds_x(const QuantizedMatrix& w, ScalarType x_type);

/// The most rows of an x for which `matvec` takes no longer than `panel_product`; never more than
/// kMostFewRows.
inline constexpr int64_t kMostFewRows = 32;
int64_t few_rows(const DenseMatrix& w, ScalarType x_type);
int64_t few_rows(const QuantizedMatrix& w, ScalarType x_type);

/// One product.
template <class Matrix>
void matvec(const Matrix& w, int64_t x_rows, const void* x, ScalarType x_type, const void* bias,
            void* y, ScalarType y_type) {
  const MatvecProduct<Matrix> product{w, bias, y};
  matvec(std::span(&product, 1), x_rows, x, x_type, y_type);
}

}  // namespace graft::kernels
