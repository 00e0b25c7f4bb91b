#include <algorithm>
#include <bit>
#include <cstring>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/io/mapped_array.h"
#include "graft/io/safetensors.h"
#include "graft/io/safetensors_types.h"

namespace graft::io {
namespace {

static_assert(std::endian::native == std::endian::little, "files are read as they are stored");

constexpr size_t kLengthBytes = 8;
constexpr uint64_t kMaxHeader = 100'000'000;  // the bound of the format's own library
constexpr int kMaxDepth = 8;                  // a valid header has three levels

// The file and tensor that an error is about.
struct Place {
  const fs::path& path;
  const std::string& tensor;

  template <class... Args>
  [[noreturn]] void refuse(fmt::format_string<Args...> format, Args&&... args) const {
    fail("{}: tensor {}: {}", path.string(), in_quotes(tensor),
         fmt::format(format, std::forward<Args>(args)...));
  }
};

uint64_t unsigned_number(const json& value, const Place& place, const char* what) {
  if (!value.is_number_unsigned()) {
    place.refuse("{} must be a whole number of 0 or more, found {}", what, value.dump());
  }
  return value.get<uint64_t>();
}

const json& member(const json& entry, const char* key, const Place& place) {
  auto found = entry.find(key);
  if (found == entry.end()) place.refuse("no \"{}\" in the header", key);
  return *found;
}

mx::Dtype read_dtype(const json& entry, const Place& place) {
  const json& value = member(entry, "dtype", place);
  auto dtype = value.is_string() ? dtype_from_safetensors(value.get_ref<const std::string&>())
                                 : std::nullopt;
  if (!dtype) place.refuse("the dtype {} is not supported", value.dump());
  return *dtype;
}

mx::Shape read_shape(const json& entry, const Place& place) {
  const json& value = member(entry, "shape", place);
  if (!value.is_array()) place.refuse("its shape is not a list but {}", value.type_name());
  mx::Shape shape;
  for (const json& item : value) {
    uint64_t dimension = unsigned_number(item, place, "a dimension");
    if (dimension > INT32_MAX) {
      place.refuse("the dimension {} is larger than MLX can hold ({})", dimension, INT32_MAX);
    }
    shape.push_back(static_cast<mx::ShapeElem>(dimension));
  }
  return shape;
}

// `data_size`: bytes behind the header; the entry's offsets count from `data_start`.
TensorInfo read_entry(const json& entry, const Place& place, size_t data_start, size_t data_size) {
  if (!entry.is_object()) place.refuse("its header entry is not an object");
  TensorInfo info;
  info.dtype = read_dtype(entry, place);
  info.shape = read_shape(entry, place);
  const json& range = member(entry, "data_offsets", place);
  if (!range.is_array() || range.size() != 2) {
    place.refuse("\"data_offsets\" must be two numbers, found {}", range.dump());
  }
  uint64_t begin = unsigned_number(range[0], place, "a data offset");
  uint64_t end = unsigned_number(range[1], place, "a data offset");
  if (begin > end || end > data_size) {
    place.refuse(
        "its bytes {}..{} do not lie in the {} bytes of data that the file holds: perhaps an "
        "incomplete download?",
        begin, end, data_size);
  }
  auto bytes = checked_bytes(info.shape, info.dtype);
  if (!bytes || *bytes != end - begin) {
    place.refuse("{} {} takes {} bytes, but its offsets {}..{} span {}", dtype_name(info.dtype),
                 shape_text(info.shape), bytes ? std::to_string(*bytes) : "too many", begin, end,
                 end - begin);
  }
  info.offset = data_start + begin;
  info.bytes = *bytes;
  return info;
}

// Tensors must follow each other without gap or overlap, to the end of the file.
void check_layout(const fs::path& path, const std::map<std::string, TensorInfo>& tensors,
                  size_t data_start, size_t file_size) {
  std::vector<std::pair<const TensorInfo*, const std::string*>> order;
  for (const auto& [name, info] : tensors) order.emplace_back(&info, &name);
  std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) {
    return std::pair(a.first->offset, a.first->bytes) < std::pair(b.first->offset, b.first->bytes);
  });
  size_t expected = data_start;
  for (const auto& [info, name] : order) {
    if (info->offset != expected) {
      Place{path, *name}.refuse("starts at byte {} of the file, but the one before it ends at {}",
                                info->offset, expected);
    }
    expected += info->bytes;
  }
  if (expected != file_size) {
    fail("{}: its tensors end at byte {}, but the file has {} bytes", path.string(), expected,
         file_size);
  }
}

std::map<std::string, std::string> read_metadata(const json& value, const fs::path& path) {
  if (value.is_null()) return {};  // MLX writes null if it has none
  if (!value.is_object()) fail("{}: \"__metadata__\" is not an object", path.string());
  std::map<std::string, std::string> metadata;
  for (const auto& [key, text] : value.items()) {
    if (!text.is_string()) {
      fail("{}: the metadata {} is not a string but {}", path.string(), in_quotes(key),
           text.type_name());
    }
    metadata.emplace(key, text.get<std::string>());
  }
  return metadata;
}

}  // namespace

SafetensorsFile::SafetensorsFile(const fs::path& path) : file_(std::make_shared<MappedFile>(path)) {
  parse_header();
}

void SafetensorsFile::parse_header() {
  const fs::path& path = file_->path();
  size_t size = file_->size();
  if (size < kLengthBytes) {
    fail("{}: {} bytes are too few for a safetensors file", path.string(), size);
  }
  uint64_t header = 0;
  std::memcpy(&header, file_->data(), kLengthBytes);
  if (header > kMaxHeader || header > size - kLengthBytes) {
    fail(
        "{}: the header's length is given as {} bytes, but the file has {}: perhaps an incomplete "
        "download, or not a safetensors file?",
        path.string(), header, size);
  }
  json entries = parse_json(file_->text().substr(kLengthBytes, header), path.string() + ": header",
                            {.depth = kMaxDepth, .refuse_duplicates = true});
  if (!entries.is_object()) fail("{}: the header is not a JSON object", path.string());
  size_t data_start = kLengthBytes + header;
  for (const auto& [name, entry] : entries.items()) {
    if (name == "__metadata__") {
      metadata_ = read_metadata(entry, path);
    } else {
      tensors_.emplace(name, read_entry(entry, Place{path, name}, data_start, size - data_start));
      names_.push_back(name);
    }
  }
  check_layout(path, tensors_, data_start, size);
}

const TensorInfo& SafetensorsFile::info(const std::string& name) const {
  auto found = tensors_.find(name);
  if (found == tensors_.end()) {
    fail("{}: no tensor {} among its {}", path().string(), in_quotes(name), tensors_.size());
  }
  return found->second;
}

mx::array SafetensorsFile::load(const TensorInfo& part) const {
  return mapped_array(file_, part.offset, part.shape, part.dtype);
}

void SafetensorsFile::release(const TensorInfo& part) const {
  release_pages(*file_, part.offset, part.bytes);
}

void SafetensorsFile::prefetch(const TensorInfo& part) const {
  prefetch_pages(*file_, part.offset, part.bytes);
}

}  // namespace graft::io
