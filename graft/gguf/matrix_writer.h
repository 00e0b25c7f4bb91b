#pragma once

#include <string>

#include "graft/base/front_end.h"
#include "graft/gguf/tensors.h"
#include "graft/io/gguf_types.h"
#include "graft/io/gguf_writer.h"

namespace graft::gguf {

/// Sums of squares over a matrix's numbers.
struct Squares {
  double error = 0, weight = 0;

  void add(const Squares& other) {
    error += other.error;
    weight += other.weight;
  }
};

/// Whether a type holds exactly the numbers of a tensor that is a matrix.
bool holds_exactly(io::GgufTensorType type, const Tensor& tensor);

/// Writes a tensor that is a matrix and was declared with this type; so many rows at a time that
/// the numbers take 64 MB. Returns what was lost. Throws Error, which names the tensor, for numbers
/// that are not finite or that the type cannot hold, and Cancelled.
Squares write_matrix(io::GgufWriter& file, const Tensor& tensor, io::GgufTensorType type,
                     const FrontEnd& front_end);

}  // namespace graft::gguf
