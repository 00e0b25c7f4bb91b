#include "graft/convert/gguf_blocks.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "graft/base/error.h"
#include "graft/gguf/decode.h"
#include "graft/gguf/small_blocks.h"
#include "graft/io/allocate.h"
#include "graft/io/json.h"
#include "graft/io/tensor_info.h"

namespace graft::convert {
namespace {

// A tensor of blocks, seen as rows.
struct Blocks {
  const io::GgufFile& file;
  const std::string& name;
  const io::GgufTensor& tensor;
  std::string_view bytes;
  io::GgufBlock block;
  int64_t rows, blocks_in_row;

  Blocks(const io::GgufFile& source, const std::string& tensor_name)
      : file(source),
        name(tensor_name),
        tensor(source.tensor(tensor_name)),
        bytes(source.bytes(tensor)),
        block(io::block_of(tensor.type)),
        rows(1),
        blocks_in_row(
            tensor.shape.empty() ? 0 : tensor.shape.back() / static_cast<int64_t>(block.elements)) {
    for (size_t i = 0; i + 1 < tensor.shape.size(); ++i) rows *= tensor.shape[i];
  }

  const char* at(int64_t row, int64_t column) const {
    return bytes.data() + static_cast<size_t>(row * blocks_in_row + column) * block.bytes;
  }

  [[noreturn]] void refuse(int64_t row, int64_t column, const std::string& why) const {
    fail("{}: tensor {}: block {} of row {}: {}", file.path().string(), io::in_quotes(name), column,
         row, why);
  }
};

// A block's scale, minimum and numbers.
gguf::SmallBlock read_block(const Blocks& blocks, int64_t row, int64_t column) {
  gguf::SmallBlock block = gguf::read_small_block(blocks.tensor.type, blocks.at(row, column));
  if (!std::isfinite(block.scale) || !std::isfinite(block.minimum)) {
    blocks.refuse(row, column, "its scale is not a finite number");
  }
  return block;
}

// Packs 32 numbers from the low bits up.
void pack(const uint8_t* numbers, int bits, char* bytes) {
  uint32_t held = 0;
  int count = 0;
  for (int i = 0; i < gguf::kSmallBlock; ++i) {
    held |= uint32_t{numbers[i]} << count;
    for (count += bits; count >= 8; count -= 8, held >>= 8) *bytes++ = static_cast<char>(held);
  }
}

mx::array allocate(mx::Shape shape, mx::Dtype dtype) {
  size_t bytes = io::checked_bytes(shape, dtype).value();
  return mx::array(io::allocate(bytes), std::move(shape), dtype);
}

// Rows of a tensor that is not of blocks, put in order.
mx::array reordered(const mx::array& stored, RowOrder order) {
  if (order.head_dim == 0) return stored;
  std::vector<int> rows(static_cast<size_t>(stored.shape(0)));
  for (size_t i = 0; i < rows.size(); ++i) {
    rows[i] = static_cast<int>(order.stored(static_cast<int64_t>(i)));
  }
  mx::array indices(rows.data(), {static_cast<int>(rows.size())}, mx::int32);
  return mx::take(stored, indices, 0);
}

}  // namespace

bool is_exact_in_mlx(io::GgufTensorType type) {
  return io::block_of(type).elements == gguf::kSmallBlock;
}

io::LayerQuantization quantization_of(io::GgufTensorType type) {
  return {.group_size = gguf::kSmallBlock, .bits = gguf::bits_of(type)};
}

std::vector<mx::array> quantized_from_blocks(const io::GgufFile& file, const std::string& name,
                                             RowOrder order) {
  Blocks blocks(file, name);
  int bits = quantization_of(blocks.tensor.type).bits;
  mx::Shape words = blocks.tensor.shape, groups = blocks.tensor.shape;
  words.back() = words.back() / 32 * bits;
  groups.back() = groups.back() / gguf::kSmallBlock;
  mx::array weight = allocate(words, mx::uint32);
  mx::array scales = allocate(groups, mx::float16);
  mx::array biases = allocate(groups, mx::float16);
  const auto zero = static_cast<float>(gguf::zero_of(blocks.tensor.type));
  char* packed = weight.data<char>();
  auto* scale_out = scales.data<mx::float16_t>();
  auto* bias_out = biases.data<mx::float16_t>();
  for (int64_t row = 0; row < blocks.rows; ++row) {
    int64_t from = order.stored(row);
    for (int64_t column = 0; column < blocks.blocks_in_row; ++column) {
      const gguf::SmallBlock block = read_block(blocks, from, column);
      float bias = block.minimum - zero * block.scale;
      auto stored_bias = static_cast<mx::float16_t>(bias);
      if (static_cast<float>(stored_bias) != bias) {
        blocks.refuse(from, column,
                      fmt::format("its scale {} is too large for a quantized layer: convert with "
                                  "`dequantize` `dtype` float32",
                                  block.scale));
      }
      *scale_out++ = static_cast<mx::float16_t>(block.scale);
      *bias_out++ = stored_bias;
      pack(block.q.data(), bits, packed);
      packed += gguf::kSmallBlock * bits / 8;
    }
  }
  return {weight, scales, biases};
}

mx::array plain_from_gguf(const io::GgufFile& file, const std::string& name, RowOrder order) {
  const io::GgufTensor& tensor = file.tensor(name);
  if (io::block_of(tensor.type).elements == 1) return reordered(file.load(tensor), order);
  const Blocks blocks(file, name);
  mx::array values = allocate(tensor.shape, mx::float32);
  auto* out = values.data<float>();
  for (int64_t row = 0; row < blocks.rows; ++row) {
    const int64_t from = order.stored(row);
    for (int64_t column = 0; column < blocks.blocks_in_row; ++column) {
      if (!gguf::decode_block(tensor.type, blocks.at(from, column), out)) {
        blocks.refuse(from, column, "its scale is not a finite number");
      }
      out += blocks.block.elements;
    }
  }
  return values;
}

}  // namespace graft::convert
