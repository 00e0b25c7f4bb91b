#include <algorithm>
#include <stdexcept>
#include <tuple>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/io/safetensors.h"
#include "graft/io/safetensors_types.h"

namespace graft::io {
namespace {

// Spaces fill the header up to a multiple of a cache line, so that what follows is aligned.
constexpr size_t kAlignment = 64;

std::string header_text(const std::vector<TensorDeclaration>& tensors,
                        const std::map<std::string, std::string>& metadata) {
  ordered_json header = ordered_json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  size_t offset = 0;
  for (const TensorDeclaration& tensor : tensors) {
    size_t end = offset + tensor.bytes();
    if (header.contains(tensor.name)) {
      throw std::logic_error("declared twice: " + tensor.name);
    }
    header[tensor.name] = {{"dtype", safetensors_name(tensor.dtype)},
                           {"shape", std::vector<int>(tensor.shape.begin(), tensor.shape.end())},
                           {"data_offsets", {offset, end}}};
    offset = end;
  }
  std::string text = header.dump();
  text.append((kAlignment - (8 + text.size()) % kAlignment) % kAlignment, ' ');
  return text;
}

}  // namespace

SafetensorsWriter::SafetensorsWriter(const fs::path& path, std::vector<TensorDeclaration> tensors,
                                     const std::map<std::string, std::string>& metadata)
    : file_(path), tensors_(std::move(tensors)) {
  std::string header = header_text(tensors_, metadata);
  uint64_t length = header.size();
  file_.write(&length, sizeof length);
  file_.write(header);
}

void SafetensorsWriter::write(const std::string& name, mx::array value) {
  if (next_ == tensors_.size()) throw std::logic_error("not declared: " + name);
  const TensorDeclaration& expected = tensors_[next_];
  if (name != expected.name || value.dtype() != expected.dtype || value.shape() != expected.shape) {
    throw std::logic_error(fmt::format("declared {} as {} {}, given {} as {} {}", expected.name,
                                       dtype_name(expected.dtype), shape_text(expected.shape), name,
                                       dtype_name(value.dtype()), shape_text(value.shape())));
  }
  value = mx::contiguous(value);
  value.eval();
  file_.write(value.data<char>(), value.nbytes());
  ++next_;
}

void SafetensorsWriter::commit() {
  if (next_ != tensors_.size()) {
    throw std::logic_error("declared but not written: " + tensors_[next_].name);
  }
  file_.commit();
}

void save_safetensors(const fs::path& path, const std::map<std::string, mx::array>& tensors,
                      const std::map<std::string, std::string>& metadata) {
  std::vector<TensorDeclaration> layout;
  for (const auto& [name, value] : tensors) {
    layout.push_back({.name = name, .dtype = value.dtype(), .shape = value.shape()});
  }
  std::stable_sort(layout.begin(), layout.end(),
                   [](const auto& a, const auto& b) { return a.dtype.size() > b.dtype.size(); });
  SafetensorsWriter writer(path, layout, metadata);
  for (const TensorDeclaration& tensor : layout) writer.write(tensor.name, tensors.at(tensor.name));
  writer.commit();
}

}  // namespace graft::io
