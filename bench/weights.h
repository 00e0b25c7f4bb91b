#pragma once

#include <cstdint>
#include <string>

#include "bench/array.h"
#include "graft/kernels/linear_weight.h"
#include "graft/kernels/quantized.h"

namespace graft::bench {

/// A quantized matrix of random numbers; its scales and biases are bf16 in [-1, 1).
class Quantized {
 public:
  Quantized(int64_t rows, int64_t columns, int bits, int group_size)
      : words_(kernels::ScalarType::f32, rows * columns / 32 * bits),
        scales_(kernels::ScalarType::bf16, rows * columns / group_size),
        biases_(kernels::ScalarType::bf16, rows * columns / group_size) {
    matrix = {static_cast<const uint32_t*>(words_.data()),
              scales_.data(),
              biases_.data(),
              kernels::ScalarType::bf16,
              rows,
              columns,
              bits,
              group_size};
  }
  Quantized(const Quantized&) = delete;
  Quantized& operator=(const Quantized&) = delete;

  int64_t bytes() const { return words_.bytes() + scales_.bytes() + biases_.bytes(); }

  kernels::QuantizedMatrix matrix;

 private:
  Array words_, scales_, biases_;
};

/// How a weight is stored, and the type of the activations that it is multiplied with.
struct Format {
  kernels::ScalarType type;  ///< of activations, and of a dense weight
  int bits = 0;              ///< 2, 3, 4, 5, 6 or 8; 0: dense

  std::string name() const {
    if (bits > 0) return std::to_string(bits) + "bit";
    return type == kernels::ScalarType::f32    ? "f32"
           : type == kernels::ScalarType::bf16 ? "bf16"
                                               : "f16";
  }
};

/// The weight [out, in] of a linear layer, of random numbers; in groups of 64 if quantized.
class Weight {
 public:
  Weight(Format format, int64_t out, int64_t in)
      : dense_(format.type, format.bits > 0 ? 0 : out * in),
        quantized_(format.bits > 0 ? out : 0, in, std::max(format.bits, 2), 64) {
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
