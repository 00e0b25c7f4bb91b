#pragma once

#include <mlx/array.h>

#include <optional>

namespace graft::calibration {

namespace mx = mlx::core;

/// The lower triangular L with L L^T = `matrix` [n, n], f32, symmetric, of which the lower half is
/// read. Nothing where a pivot is not above 0: the matrix is not positive definite, or not in f32.
/// Blocks of columns: each one's diagonal in f64, all else products in f32 on all threads, n^3 / 3
/// multiplications in all.
std::optional<mx::array> cholesky(const mx::array& matrix);

/// The inverse of a lower triangular matrix [n, n], f32, whose diagonal has no 0.
mx::array triangular_inverse(const mx::array& lower);

/// The upper triangular U with U^T U = `matrix`^-1, of a matrix as `cholesky` takes it, or nothing.
std::optional<mx::array> inverse_factor(const mx::array& matrix);

}  // namespace graft::calibration
