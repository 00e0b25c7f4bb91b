#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/array.h"
#include "graft/kernels/linear_weight.h"
#include "graft/kernels/quantized.h"

namespace graft::bench {

/// How a quantized matrix is stored.
struct Stored {
  int bits, group_size;
  QuantizationMode mode = QuantizationMode::affine;

  static Stored in(QuantizationMode mode) {
    return {default_bits(mode), default_group_size(mode), mode};
  }
};

/// A quantized matrix of random numbers. Scales and biases of mode affine are bf16 in [-1, 1);
/// other scales are 1, and their numbers finite.
class Quantized {
 public:
  Quantized(int64_t rows, int64_t columns, Stored stored)
      : words_(kernels::ScalarType::f32, rows * columns / 32 * stored.bits),
        scales_(kernels::ScalarType::bf16,
                has_biases(stored.mode) ? rows * columns / stored.group_size : 0),
        biases_(scales_),
        scale_bytes_(has_biases(stored.mode) ? 0 : rows * columns / stored.group_size,
                     stored.mode == QuantizationMode::nvfp4 ? 0x38 : 0x7f) {
    matrix = {.weight = static_cast<const uint32_t*>(words_.data()),
              .scales = scales_.data(),
              .biases = biases_.data(),
              .scale_type = kernels::ScalarType::bf16,
              .rows = rows,
              .columns = columns,
              .bits = stored.bits,
              .group_size = stored.group_size,
              .mode = stored.mode};
    if (has_biases(stored.mode)) return;
    matrix.scales = scale_bytes_.data();
    matrix.biases = nullptr;
    auto* bytes = static_cast<uint8_t*>(words_.data());
    for (int64_t i = 0; i < words_.bytes(); ++i) {
      if ((bytes[i] & 0x7f) == 0x7f) bytes[i] ^= 1;  // of E4M3 it is NaN
    }
  }
  Quantized(const Quantized&) = delete;
  Quantized& operator=(const Quantized&) = delete;

  int64_t bytes() const {
    return words_.bytes() + scales_.bytes() + biases_.bytes() + std::ssize(scale_bytes_);
  }

  kernels::QuantizedMatrix matrix;

 private:
  Array words_, scales_, biases_;
  std::vector<uint8_t> scale_bytes_;
};

/// How a weight is stored, and the type of the activations that it is multiplied with.
struct Format {
  kernels::ScalarType type;  ///< of activations, and of a dense weight
  int bits = 0;              ///< 2, 3, 4, 5, 6 or 8; 0: dense
  QuantizationMode mode = QuantizationMode::affine;

  std::string name() const {
    if (!has_biases(mode)) return std::string(name_of(mode));
    if (bits > 0) return std::to_string(bits) + "bit";
    return type == kernels::ScalarType::f32    ? "f32"
           : type == kernels::ScalarType::bf16 ? "bf16"
                                               : "f16";
  }
};

/// The weight [out, in] of a linear layer, of random numbers; in groups of 64 if it is quantized in
/// mode affine.
class Weight {
 public:
  Weight(Format format, int64_t out, int64_t in)
      : dense_(format.type, format.bits > 0 ? 0 : out * in),
        quantized_(format.bits > 0 ? out : 0, in,
                   has_biases(format.mode) ? Stored{std::max(format.bits, 2), 64}
                                           : Stored::in(format.mode)) {
    weight.out = out;
    weight.in = in;
    weight.type = format.type;
    weight.quantized = format.bits > 0;
    if (weight.quantized) {
      weight.matrix = quantized_.matrix;
    } else {
      weight.data = dense_.data();
    }
  }

  kernels::LinearWeight weight;

 private:
  Array dense_;
  Quantized quantized_;
};

}  // namespace graft::bench
