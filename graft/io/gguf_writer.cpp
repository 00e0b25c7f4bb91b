#include "graft/io/gguf_writer.h"

#include <bit>
#include <stdexcept>

#include "graft/base/error.h"
#include "graft/io/tensor_info.h"

namespace graft::io {
namespace {

static_assert(std::endian::native == std::endian::little, "the file is little-endian");

constexpr uint64_t kAlignment = 32;  // the format's default
constexpr size_t kMostDimensions = 4;

template <class Number>
void put(std::string& bytes, Number number) {
  bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
}

void put_text(std::string& bytes, std::string_view text) {
  put<uint64_t>(bytes, text.size());
  bytes += text;
}

uint64_t padded(uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

std::string& GgufWriter::pair(std::string_view key, GgufValueType type) {
  if (begun_) throw std::logic_error("metadata after tensors");
  ++pair_count_;
  put_text(pairs_, key);
  put(pairs_, static_cast<uint32_t>(type));
  return pairs_;
}

template <class Number>
void GgufWriter::array(std::string_view key, GgufValueType type,
                       const std::vector<Number>& numbers) {
  std::string& bytes = pair(key, GgufValueType::array);
  put(bytes, static_cast<uint32_t>(type));
  put<uint64_t>(bytes, numbers.size());
  for (const Number number : numbers) put(bytes, number);
}

void GgufWriter::set(std::string_view key, std::string_view text) {
  put_text(pair(key, GgufValueType::text), text);
}

void GgufWriter::set(std::string_view key, uint32_t number) {
  put(pair(key, GgufValueType::u32), number);
}

void GgufWriter::set(std::string_view key, int32_t number) {
  put(pair(key, GgufValueType::i32), number);
}

void GgufWriter::set(std::string_view key, float number) {
  put(pair(key, GgufValueType::f32), number);
}

void GgufWriter::set(std::string_view key, bool flag) {
  put<uint8_t>(pair(key, GgufValueType::boolean), flag ? 1 : 0);
}

void GgufWriter::set(std::string_view key, const std::vector<std::string>& texts) {
  std::string& bytes = pair(key, GgufValueType::array);
  put(bytes, static_cast<uint32_t>(GgufValueType::text));
  put<uint64_t>(bytes, texts.size());
  for (const std::string& text : texts) put_text(bytes, text);
}

void GgufWriter::set(std::string_view key, const std::vector<int32_t>& numbers) {
  array(key, GgufValueType::i32, numbers);
}

void GgufWriter::set(std::string_view key, const std::vector<uint32_t>& numbers) {
  array(key, GgufValueType::u32, numbers);
}

void GgufWriter::set(std::string_view key, const std::vector<float>& numbers) {
  array(key, GgufValueType::f32, numbers);
}

void GgufWriter::set(std::string_view key, const std::vector<bool>& flags) {
  array(key, GgufValueType::boolean, std::vector<uint8_t>(flags.begin(), flags.end()));
}

void GgufWriter::declare(const std::string& name, GgufTensorType type, const mx::Shape& shape) {
  if (begun_) throw std::logic_error("a declaration after tensors");
  const GgufBlock block = block_of(type);
  const auto width = shape.empty() ? 1 : static_cast<size_t>(shape.back());
  if (shape.empty() || shape.size() > kMostDimensions || width % block.elements != 0) {
    fail("the tensor {} of shape {} cannot be stored as {}", name, shape_text(shape),
         gguf_type_name(type));
  }
  put_text(infos_, name);
  put(infos_, static_cast<uint32_t>(shape.size()));
  uint64_t elements = 1;
  for (size_t i = shape.size(); i-- > 0;) {  // the row's width first
    put<uint64_t>(infos_, static_cast<uint64_t>(shape[i]));
    elements *= static_cast<uint64_t>(shape[i]);
  }
  put(infos_, static_cast<uint32_t>(type));
  put<uint64_t>(infos_, offset_);
  tensors_.push_back({name, elements / block.elements * block.bytes});
  offset_ += padded(tensors_.back().bytes);
}

void GgufWriter::write_header() {
  begun_ = true;
  std::string header = "GGUF";
  put<uint32_t>(header, 3);
  put<uint64_t>(header, tensors_.size());
  put<uint64_t>(header, pair_count_);
  file_.write(header);
  file_.write(pairs_);
  file_.write(infos_);
  pad();
}

void GgufWriter::pad() {
  static constexpr char kZeros[kAlignment] = {};
  file_.write(kZeros, padded(file_.written()) - file_.written());
}

void GgufWriter::write(const std::string& name, std::string_view bytes) {
  if (!begun_) write_header();
  if (next_ == tensors_.size() || tensors_[next_].name != name ||
      bytes.size() > tensors_[next_].bytes - done_) {
    throw std::logic_error("the tensor " + name + " is not the one that was declared");
  }
  file_.write(bytes);
  done_ += bytes.size();
  if (done_ < tensors_[next_].bytes) return;
  ++next_;
  done_ = 0;
  pad();
}

void GgufWriter::commit() {
  if (!begun_) write_header();
  if (next_ != tensors_.size()) throw std::logic_error("a declared tensor was not written");
  file_.commit();
}

}  // namespace graft::io
