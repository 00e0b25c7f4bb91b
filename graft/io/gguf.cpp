#include "graft/io/gguf.h"

#include <algorithm>
#include <stdexcept>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/gguf_cursor.h"
#include "graft/io/json.h"
#include "graft/io/mapped_array.h"
#include "graft/io/tensor_info.h"

namespace graft::io {
namespace {

constexpr std::string_view kGgufMagic = "GGUF";
constexpr uint32_t kMaxDimensions = 4;
constexpr uint64_t kDefaultAlignment = 32;
constexpr uint64_t kMaxAlignment = 1 << 16;
// Bytes of the smallest pair (length of the key, type, one byte) and tensor (length of the name,
// number of dimensions, type, offset).
constexpr uint64_t kLeastPair = 8 + 4 + 1;
constexpr uint64_t kLeastTensor = 8 + 4 + 4 + 8;

void check_version(GgufCursor& cursor) {
  if (cursor.remaining() < 4 || cursor.take(4, "the magic") != kGgufMagic) {
    fail("{} is not a GGUF file", cursor.what());
  }
  auto version = cursor.number<uint32_t>("the version");
  if ((version & 0xffff) == 0) {
    fail("{}: a big-endian GGUF file, which is not supported", cursor.what());
  }
  if (version != 2 && version != 3) {
    fail("{}: GGUF version {} is not supported, only 2 and 3", cursor.what(), version);
  }
}

uint64_t read_count(GgufCursor& cursor, uint64_t least, std::string_view subject) {
  auto count = cursor.number<uint64_t>(subject);
  if (count > cursor.remaining() / least) {
    fail("{}: {} is given as {}, but the file has only {} bytes more", cursor.what(), subject,
         count, cursor.remaining());
  }
  return count;
}

mx::Shape read_shape(GgufCursor& cursor, const std::string& subject) {
  auto count = cursor.number<uint32_t>(subject);
  if (count > kMaxDimensions) {
    fail("{}: {} has {} dimensions, more than {}", cursor.what(), subject, count, kMaxDimensions);
  }
  mx::Shape shape(count, 0);
  for (uint32_t i = 0; i < count; ++i) {
    auto dimension = cursor.number<uint64_t>(subject);
    if (dimension > INT32_MAX) {
      fail("{}: {} has a dimension of {}, more than MLX can hold", cursor.what(), subject,
           dimension);
    }
    shape[count - 1 - i] = static_cast<mx::ShapeElem>(dimension);
  }
  return shape;
}

GgufTensorType read_tensor_type(GgufCursor& cursor, const std::string& subject) {
  auto number = cursor.number<uint32_t>(subject);
  if (!is_supported(number)) {
    fail("{}: {} is of type {}, which is not supported: only {} are", cursor.what(), subject,
         gguf_type_name(number), supported_gguf_types());
  }
  return static_cast<GgufTensorType>(number);
}

size_t stored_bytes(const GgufTensor& tensor, const std::string& subject, const std::string& what) {
  GgufBlock block = block_of(tensor.type);
  size_t width = tensor.shape.empty() ? 1 : static_cast<size_t>(tensor.shape.back());
  if (width % block.elements != 0) {
    fail("{}: {} has rows of {} elements, which do not divide into the blocks of {} of {}", what,
         subject, width, block.elements, gguf_type_name(tensor.type));
  }
  auto elements = checked_bytes(tensor.shape, mx::uint8);
  size_t bytes = 0;
  if (!elements || __builtin_mul_overflow(*elements / block.elements, block.bytes, &bytes)) {
    fail("{}: {} of shape {} is too large", what, subject, shape_text(tensor.shape));
  }
  return bytes;
}

// The offset still counts from the start of the data.
void read_tensor(GgufCursor& cursor, std::map<std::string, GgufTensor>& tensors) {
  std::string name(cursor.text("a tensor's name"));
  std::string subject = "tensor " + in_quotes(name);
  GgufTensor tensor;
  tensor.shape = read_shape(cursor, subject);
  tensor.type = read_tensor_type(cursor, subject);
  tensor.offset = cursor.number<uint64_t>(subject);
  tensor.bytes = stored_bytes(tensor, subject, cursor.what());
  if (!tensors.emplace(name, tensor).second) fail("{}: {} is there twice", cursor.what(), subject);
}

uint64_t alignment_of(const GgufMetadata& metadata, const std::string& what) {
  uint64_t alignment = metadata.unsigned_number("general.alignment").value_or(kDefaultAlignment);
  if (alignment == 0 || alignment % 8 != 0 || alignment > kMaxAlignment) {
    fail("{}: general.alignment is {}, expected a multiple of 8 up to {}", what, alignment,
         kMaxAlignment);
  }
  return alignment;
}

// Makes offsets relative to the start of the file, after checking that they lie inside it.
void place_tensors(GgufCursor& cursor, GgufHeader& header) {
  uint64_t alignment = alignment_of(header.metadata, cursor.what());
  size_t padding = (alignment - cursor.offset() % alignment) % alignment;
  size_t data_start = cursor.offset() + std::min(padding, cursor.remaining());
  size_t data_size = cursor.remaining() - std::min(padding, cursor.remaining());
  std::vector<std::pair<GgufTensor*, const std::string*>> order;
  for (auto& [name, tensor] : header.tensors) {
    std::string subject = "tensor " + in_quotes(name);
    if (tensor.offset % alignment != 0) {
      fail("{}: {} starts at {}, which is not aligned to {}", cursor.what(), subject, tensor.offset,
           alignment);
    }
    if (tensor.offset > data_size || tensor.bytes > data_size - tensor.offset) {
      fail(
          "{}: {} takes {} bytes at {}, but the file has {} bytes of data: perhaps an incomplete "
          "download?",
          cursor.what(), subject, tensor.bytes, tensor.offset, data_size);
    }
    tensor.offset += data_start;
    order.emplace_back(&tensor, &name);
  }
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first->offset, a.first->bytes) < std::pair(b.first->offset, b.first->bytes);
  });
  for (size_t i = 1; i < order.size(); ++i) {
    const GgufTensor& before = *order[i - 1].first;
    if (before.offset + before.bytes > order[i].first->offset) {
      fail("{}: the tensors {} and {} overlap", cursor.what(), in_quotes(*order[i - 1].second),
           in_quotes(*order[i].second));
    }
  }
}

}  // namespace

GgufHeader parse_gguf(std::string_view bytes, const std::string& what) {
  GgufCursor cursor(bytes, what);
  check_version(cursor);
  GgufHeader header{.metadata = GgufMetadata(what), .tensors = {}};
  uint64_t tensors = read_count(cursor, kLeastTensor, "the number of tensors");
  uint64_t pairs = read_count(cursor, kLeastPair, "the number of metadata entries");
  for (uint64_t i = 0; i < pairs; ++i) header.metadata.read_pair(cursor);
  for (uint64_t i = 0; i < tensors; ++i) read_tensor(cursor, header.tensors);
  place_tensors(cursor, header);
  return header;
}

GgufFile::GgufFile(const fs::path& path)
    : file_(std::make_shared<const MappedFile>(path)),
      header_(parse_gguf(file_->text(), path.string())) {}

const GgufTensor& GgufFile::tensor(const std::string& name) const {
  auto found = header_.tensors.find(name);
  if (found == header_.tensors.end()) {
    fail("{}: no tensor {} among its {}", path().string(), in_quotes(name), header_.tensors.size());
  }
  return found->second;
}

std::string_view GgufFile::bytes(const GgufTensor& tensor) const {
  return file_->text().substr(tensor.offset, tensor.bytes);
}

mx::array GgufFile::load(const GgufTensor& tensor) const {
  switch (tensor.type) {
    case GgufTensorType::f32:
      return mapped_array(file_, tensor.offset, tensor.shape, mx::float32);
    case GgufTensorType::f16:
      return mapped_array(file_, tensor.offset, tensor.shape, mx::float16);
    case GgufTensorType::bf16:
      return mapped_array(file_, tensor.offset, tensor.shape, mx::bfloat16);
    default:
      throw std::logic_error("a tensor of blocks is not one array");
  }
}

}  // namespace graft::io
