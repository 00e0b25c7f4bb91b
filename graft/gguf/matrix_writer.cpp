#include "graft/gguf/matrix_writer.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <array>
#include <optional>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/thread_pool.h"
#include "graft/gguf/decode.h"
#include "graft/gguf/encode.h"
#include "graft/gguf/exact.h"
#include "graft/io/finite.h"

namespace graft::gguf {
namespace {

using Type = io::GgufTensorType;

constexpr int kNumbersAtATime = 1 << 24;

std::optional<Type> plain_type_of(mx::Dtype dtype) {
  if (dtype == mx::float32) return Type::f32;
  if (dtype == mx::float16) return Type::f16;
  if (dtype == mx::bfloat16) return Type::bf16;
  return {};
}

bool weight_fits(Type type, const ops::Weight& weight) {
  if (type == Type::f32) return true;
  if (weight.quantized()) return gguf::holds_exactly(type, weight);
  return plain_type_of(weight.weight.dtype()) == type;
}

mx::array dense_rows(const ops::Weight& weight, int begin, int end) {
  mx::array rows = mx::contiguous(ops::dequantized(ops::rows_of(weight, begin, end), mx::float32));
  rows.eval();
  return rows;
}

Squares squares_of(Type type, std::span<const float> row, const std::vector<char>& blocks) {
  const io::GgufBlock block = io::block_of(type);
  std::array<float, 256> decoded{};
  Squares sums;
  const char* data = blocks.data();
  for (size_t i = 0; i < row.size(); i += block.elements, data += block.bytes) {
    decode_block(type, data, decoded.data());
    for (size_t j = 0; j < block.elements; ++j) {
      const double number = row[i + j], off = decoded[j] - number;
      sums.error += off * off;
      sums.weight += number * number;
    }
  }
  return sums;
}

class MatrixWriter {
 public:
  MatrixWriter(io::GgufWriter& file, const std::string& name, Type type, const FrontEnd& front_end)
      : file_(file), name_(name), type_(type), front_end_(front_end) {}

  Squares write(ops::Weight weight) {
    front_end_.check_cancelled();
    // What is computed is computed once, and not once for each part.
    std::vector<mx::array> arrays = weight.arrays();
    mx::eval(arrays);
    if (weight.quantized() && gguf::holds_exactly(type_, weight)) return write_exactly(weight);
    if (!weight.quantized() && plain_type_of(weight.weight.dtype()) == type_) {
      return write_as_is(weight.weight);
    }
    return encode(weight);
  }

 private:
  Squares write_exactly(const ops::Weight& weight) {
    const io::GgufBlock block = io::block_of(type_);
    const size_t row = static_cast<size_t>(weight.in()) / block.elements * block.bytes;
    std::vector<std::byte> bytes(row * static_cast<size_t>(weight.out()));
    put_exactly(type_, weight, bytes);
    file_.write(name_, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    return {};
  }

  Squares write_as_is(const mx::array& weight) {
    mx::array values = mx::contiguous(weight);
    io::check_finite(values, name_);
    file_.write(name_, {values.data<char>(), values.nbytes()});
    return {};
  }

  Squares encode(const ops::Weight& weight) {
    const int step = std::max(1, kNumbersAtATime / weight.in());
    Squares all;
    for (int begin = 0; begin < weight.out(); begin += step) {
      front_end_.check_cancelled();
      all.add(encode_rows(dense_rows(weight, begin, std::min(begin + step, weight.out()))));
    }
    return all;
  }

  Squares encode_rows(const mx::array& rows) {
    const auto count = static_cast<size_t>(rows.shape(0)),
               width = static_cast<size_t>(rows.shape(1));
    const io::GgufBlock block = io::block_of(type_);
    const size_t row_bytes = width / block.elements * block.bytes;
    std::vector<char> bytes(count * row_bytes);
    std::vector<Squares> sums(count);
    const float* numbers = rows.data<float>();
    try {
      run_parts(static_cast<int64_t>(count), [&](int64_t part, int) {
        const auto row = static_cast<size_t>(part);
        const std::span<const float> from(numbers + row * width, width);
        std::vector<char> own(row_bytes);
        encode_blocks(type_, from, std::as_writable_bytes(std::span(own)));
        sums[row] = squares_of(type_, from, own);
        std::copy(own.begin(), own.end(), bytes.begin() + static_cast<ptrdiff_t>(row * row_bytes));
      });
    } catch (const Error& error) {
      fail("{}: {}", name_, error.what());
    }
    file_.write(name_, {bytes.data(), bytes.size()});
    Squares all;
    for (const Squares& one : sums) all.add(one);
    return all;
  }

  io::GgufWriter& file_;
  const std::string& name_;
  Type type_;
  const FrontEnd& front_end_;
};

}  // namespace

bool holds_exactly(Type type, const Tensor& tensor) {
  if (tensor.adapted) return type == Type::f32;
  return std::all_of(tensor.matrices.begin(), tensor.matrices.end(),
                     [&](const auto& matrix) { return weight_fits(type, matrix()); });
}

Squares write_matrix(io::GgufWriter& file, const Tensor& tensor, Type type,
                     const FrontEnd& front_end) {
  MatrixWriter writer(file, tensor.name, type, front_end);
  Squares all;
  for (const auto& matrix : tensor.matrices) all.add(writer.write(matrix()));
  return all;
}

}  // namespace graft::gguf
