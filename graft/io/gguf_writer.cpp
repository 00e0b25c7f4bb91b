#include "graft/io/gguf_writer.h"

#include <stdexcept>

#include "graft/base/error.h"
#include "graft/io/gguf_bytes.h"
#include "graft/io/tensor_info.h"

namespace graft::io {
namespace {

constexpr uint64_t kAlignment = 32;  // the format's default
constexpr size_t kMostDimensions = 4;

uint64_t padded(uint64_t size) { return (size + kAlignment - 1) / kAlignment * kAlignment; }

}  // namespace

void GgufWriter::declare(const std::string& name, GgufTensorType type, const mx::Shape& shape) {
  if (begun_) throw std::logic_error("a declaration after tensors");
  const GgufBlock block = block_of(type);
  const auto width = shape.empty() ? 1 : static_cast<size_t>(shape.back());
  if (shape.empty() || shape.size() > kMostDimensions || width % block.elements != 0) {
    fail("the tensor {} of shape {} cannot be stored as {}", name, shape_text(shape),
         gguf_type_name(type));
  }
  put_gguf_text(infos_, name);
  put_gguf(infos_, static_cast<uint32_t>(shape.size()));
  uint64_t elements = 1;
  for (size_t i = shape.size(); i-- > 0;) {  // the row's width first
    put_gguf<uint64_t>(infos_, static_cast<uint64_t>(shape[i]));
    elements *= static_cast<uint64_t>(shape[i]);
  }
  put_gguf(infos_, static_cast<uint32_t>(type));
  put_gguf<uint64_t>(infos_, offset_);
  tensors_.push_back({name, elements / block.elements * block.bytes});
  offset_ += padded(tensors_.back().bytes);
}

void GgufWriter::write_header() {
  begun_ = true;
  close();
  std::string header = "GGUF";
  put_gguf<uint32_t>(header, 3);
  put_gguf<uint64_t>(header, tensors_.size());
  put_gguf<uint64_t>(header, pair_count());
  file_.write(header);
  file_.write(pairs());
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
