#include "graft/convert/gguf_blocks.h"

#include <cmath>
#include <cstring>
#include <stdexcept>

#include "graft/base/error.h"
#include "graft/convert/gguf_k_blocks.h"
#include "graft/io/allocate.h"
#include "graft/io/json.h"
#include "graft/io/tensor_info.h"

namespace graft::convert {
namespace {

constexpr int kBlock = 32;    // elements
constexpr int kNibbles = 16;  // bytes of 32 elements of 4 bits

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

bool has_minimum(io::GgufTensorType type) {
  return type == io::GgufTensorType::q4_1 || type == io::GgufTensorType::q5_1;
}

bool has_five_bits(io::GgufTensorType type) {
  return type == io::GgufTensorType::q5_0 || type == io::GgufTensorType::q5_1;
}

// A block's scale and, where it has one, minimum.
struct Scale {
  float scale, minimum = 0;
};

Scale read_scale(const Blocks& blocks, int64_t row, int64_t column) {
  const char* data = blocks.at(row, column);
  Scale result{.scale = f16_at(data)};
  if (has_minimum(blocks.tensor.type)) {
    result.minimum = f16_at(data + sizeof(mx::float16_t));
  }
  if (!std::isfinite(result.scale) || !std::isfinite(result.minimum)) {
    blocks.refuse(row, column, "its scale is not a finite number");
  }
  return result;
}

// The unsigned number that stands for 0 where a block has no minimum.
float zero_of(io::GgufTensorType type) {
  switch (type) {
    case io::GgufTensorType::q4_0:
      return 8;
    case io::GgufTensorType::q5_0:
      return 16;
    case io::GgufTensorType::q8_0:
      return 128;
    default:
      return 0;
  }
}

// The 32 unsigned numbers of a block. Nibbles: the lower ones are elements 0 to 15.
void read_numbers(const Blocks& blocks, const char* data, uint8_t* numbers) {
  const auto* stored = reinterpret_cast<const uint8_t*>(data);
  if (blocks.tensor.type == io::GgufTensorType::q8_0) {
    stored += sizeof(mx::float16_t);
    for (int i = 0; i < kBlock; ++i) numbers[i] = stored[i] ^ 0x80;
    return;
  }
  stored += blocks.block.bytes - kNibbles;
  for (int i = 0; i < kNibbles; ++i) {
    numbers[i] = stored[i] & 0x0f;
    numbers[i + kNibbles] = stored[i] >> 4;
  }
  if (!has_five_bits(blocks.tensor.type)) return;
  uint32_t upper;
  std::memcpy(&upper, stored - sizeof upper, sizeof upper);
  for (int i = 0; i < kBlock; ++i) numbers[i] |= static_cast<uint8_t>((upper >> i & 1) << 4);
}

// Packs 32 numbers from the low bits up.
void pack(const uint8_t* numbers, int bits, char* bytes) {
  uint32_t held = 0;
  int count = 0;
  for (int i = 0; i < kBlock; ++i) {
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

mx::array decoded_k_blocks(const Blocks& blocks, RowOrder order) {
  mx::array values = allocate(blocks.tensor.shape, mx::float32);
  auto* out = values.data<float>();
  for (int64_t row = 0; row < blocks.rows; ++row) {
    const int64_t from = order.stored(row);
    for (int64_t column = 0; column < blocks.blocks_in_row; ++column, out += kKBlock) {
      if (!decode_k_block(blocks.tensor.type, blocks.at(from, column), out)) {
        blocks.refuse(from, column, "its scale is not a finite number");
      }
    }
  }
  return values;
}

}  // namespace

bool is_exact_in_mlx(io::GgufTensorType type) { return io::block_of(type).elements == kBlock; }

io::LayerQuantization quantization_of(io::GgufTensorType type) {
  const int bits = type == io::GgufTensorType::q8_0 ? 8 : has_five_bits(type) ? 5 : 4;
  return {.group_size = kBlock, .bits = bits};
}

std::vector<mx::array> quantized_from_blocks(const io::GgufFile& file, const std::string& name,
                                             RowOrder order) {
  Blocks blocks(file, name);
  int bits = quantization_of(blocks.tensor.type).bits;
  mx::Shape words = blocks.tensor.shape, groups = blocks.tensor.shape;
  words.back() = words.back() / 32 * bits;
  groups.back() = groups.back() / kBlock;
  mx::array weight = allocate(words, mx::uint32);
  mx::array scales = allocate(groups, mx::float16);
  mx::array biases = allocate(groups, mx::float16);
  float zero = zero_of(blocks.tensor.type);
  char* packed = weight.data<char>();
  auto* scale_out = scales.data<mx::float16_t>();
  auto* bias_out = biases.data<mx::float16_t>();
  for (int64_t row = 0; row < blocks.rows; ++row) {
    int64_t from = order.stored(row);
    for (int64_t column = 0; column < blocks.blocks_in_row; ++column) {
      Scale scale = read_scale(blocks, from, column);
      float bias = scale.minimum - zero * scale.scale;
      auto stored_bias = static_cast<mx::float16_t>(bias);
      if (static_cast<float>(stored_bias) != bias) {
        blocks.refuse(from, column,
                      fmt::format("its scale {} is too large for a quantized layer: convert with "
                                  "`dequantize` `dtype` float32",
                                  scale.scale));
      }
      *scale_out++ = static_cast<mx::float16_t>(scale.scale);
      *bias_out++ = stored_bias;
      uint8_t numbers[kBlock];
      read_numbers(blocks, blocks.at(from, column), numbers);
      pack(numbers, bits, packed);
      packed += kBlock * bits / 8;
    }
  }
  return {weight, scales, biases};
}

mx::array plain_from_gguf(const io::GgufFile& file, const std::string& name, RowOrder order) {
  const io::GgufTensor& tensor = file.tensor(name);
  if (io::block_of(tensor.type).elements == 1) return reordered(file.load(tensor), order);
  Blocks blocks(file, name);
  if (!is_exact_in_mlx(tensor.type)) return decoded_k_blocks(blocks, order);
  mx::array values = allocate(tensor.shape, mx::float32);
  auto* out = values.data<float>();
  float zero = zero_of(tensor.type);
  for (int64_t row = 0; row < blocks.rows; ++row) {
    int64_t from = order.stored(row);
    for (int64_t column = 0; column < blocks.blocks_in_row; ++column) {
      Scale scale = read_scale(blocks, from, column);
      uint8_t numbers[kBlock];
      read_numbers(blocks, blocks.at(from, column), numbers);
      for (uint8_t number : numbers) {
        float value = scale.scale * (static_cast<float>(number) - zero);
        // A sum with 0 would lose the sign of -0.
        *out++ = has_minimum(tensor.type) ? value + scale.minimum : value;
      }
    }
  }
  return values;
}

}  // namespace graft::convert
