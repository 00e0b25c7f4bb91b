#include <zip.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/io/allocate.h"
#include "graft/io/json.h"
#include "graft/io/npy.h"
#include "graft/io/npz.h"
#include "graft/io/tensor_info.h"

namespace graft::io {
namespace {

// Deflate cannot shrink more than this, so a member that claims more is lying.
constexpr uint64_t kMaxRatio = 1032;
constexpr uint64_t kMaxTotal = uint64_t{16} << 30;
constexpr std::string_view kSuffix = ".npy";

struct CloseZip {
  void operator()(zip_t* zip) const { zip_discard(zip); }
};
struct CloseMember {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using Zip = std::unique_ptr<zip_t, CloseZip>;
using Member = std::unique_ptr<zip_file_t, CloseMember>;

std::string text_of(zip_error_t& error) {
  std::string text = zip_error_strerror(&error);
  zip_error_fini(&error);
  return text;
}

// Reads one member's decompressed bytes in order.
class MemberReader {
 public:
  MemberReader(zip_t* zip, uint64_t index, std::string what) : what_(std::move(what)) {
    member_.reset(zip_fopen_index(zip, index, 0));
    if (!member_) fail("{}: {}", what_, zip_strerror(zip));
  }

  // Up to `size` bytes; fewer only at the end.
  size_t read_some(char* data, size_t size) {
    size_t got = 0;
    while (got < size) {
      zip_int64_t count = zip_fread(member_.get(), data + got, size - got);
      if (count < 0) fail("{}: {}", what_, zip_error_strerror(zip_file_get_error(member_.get())));
      if (count == 0) break;
      got += static_cast<size_t>(count);
    }
    return got;
  }

  void read_all(char* data, size_t size) {
    size_t got = read_some(data, size);
    if (got != size) fail("{}: ends after {} of {} bytes", what_, got, size);
  }

 private:
  std::string what_;
  Member member_;
};

// Where an array is, and what its header says.
struct ZippedArray {
  uint64_t index = 0;
  std::string place;  // for errors
  NpyHeader header;
};

NpyHeader read_header(zip_t* zip, const zip_stat_t& stat, const std::string& place) {
  MemberReader reader(zip, stat.index, place);
  std::string start(std::min<uint64_t>(stat.size, kMaxNpyHeader), '\0');
  reader.read_all(start.data(), start.size());
  const NpyHeader header = parse_npy_header(start, place);
  if (header.data_offset + header.data_bytes != stat.size) {
    fail("{}: {} {} takes {} bytes behind the header, but there are {}", place,
         dtype_name(header.dtype), shape_text(header.shape), header.data_bytes,
         stat.size - header.data_offset);
  }
  return header;
}

mx::array read_array(zip_t* zip, const ZippedArray& entry) {
  const NpyHeader& header = entry.header;
  MemberReader reader(zip, entry.index, entry.place);
  std::string start(header.data_offset, '\0');
  reader.read_all(start.data(), start.size());
  mx::Shape shape = header.shape;
  if (header.fortran_order) std::reverse(shape.begin(), shape.end());
  mx::array array(allocate(header.data_bytes), std::move(shape), header.dtype);
  // Reading to the very end makes libzip compare the checksum.
  reader.read_all(array.data<char>(), header.data_bytes);
  char beyond = 0;
  if (reader.read_some(&beyond, 1) != 0) fail("{}: longer than it says", entry.place);
  return header.fortran_order ? mx::contiguous(mx::transpose(array)) : array;
}

zip_stat_t stat_of(zip_t* zip, uint64_t index, const std::string& what) {
  zip_stat_t stat;
  constexpr zip_uint64_t kNeeded = ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE;
  if (zip_stat_index(zip, index, 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded) {
    fail("{}: entry {}: {}", what, index, zip_strerror(zip));
  }
  return stat;
}

Zip open_zip(std::string_view bytes, const std::string& what) {
  if (bytes.empty()) fail("{}: not a .npz file but an empty one", what);
  zip_error_t error;
  zip_error_init(&error);
  zip_source_t* source = zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error);
  if (source == nullptr) fail("{}: {}", what, text_of(error));
  Zip zip(zip_open_from_source(source, ZIP_RDONLY, &error));
  if (!zip) {
    zip_source_free(source);
    fail("{}: not a .npz file, or an incomplete one ({})", what, text_of(error));
  }
  zip_error_fini(&error);
  return zip;
}

std::string comment_of(zip_t* zip) {
  int length = 0;
  const char* comment = zip_get_archive_comment(zip, &length, ZIP_FL_ENC_RAW);
  return comment == nullptr ? "" : std::string(comment, static_cast<size_t>(length));
}

std::map<std::string, mx::array> all_of(const NpzFile& file) {
  std::map<std::string, mx::array> arrays;
  for (const std::string& name : file.names()) arrays.emplace(name, file.load(name));
  return arrays;
}

}  // namespace

struct NpzFile::State {
  State(std::string_view bytes, std::string name)
      : what(std::move(name)), zip(open_zip(bytes, what)), comment(comment_of(zip.get())) {
    uint64_t total = 0;
    const zip_int64_t count = zip_get_num_entries(zip.get(), 0);
    for (zip_int64_t i = 0; i < count; ++i) {
      zip_stat_t stat = stat_of(zip.get(), static_cast<uint64_t>(i), what);
      std::string key = stat.name;
      const std::string place = what + ": " + in_quotes(key);
      if (!key.ends_with(kSuffix)) fail("{} is not an array (.npy)", place);
      if (stat.comp_size > bytes.size() || stat.size / kMaxRatio > stat.comp_size) {
        fail("{}: {} bytes from {} is not possible in a file of {}", place, stat.size,
             stat.comp_size, bytes.size());
      }
      total += stat.size;
      if (total > kMaxTotal) fail("{}: its arrays take more than {} bytes", what, kMaxTotal);
      key.resize(key.size() - kSuffix.size());
      const ZippedArray entry{stat.index, place, read_header(zip.get(), stat, place)};
      if (!entries.emplace(key, entry).second) fail("{} is there twice", place);
    }
  }

  const ZippedArray& entry(const std::string& name) const {
    const auto found = entries.find(name);
    if (found == entries.end()) fail("{}: no array {}", what, in_quotes(name));
    return found->second;
  }

  std::string what;
  std::unique_ptr<const MappedFile> file;  // outlives the zip
  Zip zip;
  std::string comment;
  std::map<std::string, ZippedArray> entries;
};

NpzFile::NpzFile(std::string_view bytes, const std::string& what)
    : state_(std::make_unique<State>(bytes, what)) {}

NpzFile::NpzFile(const fs::path& path) {
  auto file = std::make_unique<const MappedFile>(path);
  state_ = std::make_unique<State>(file->text(), path.string());
  state_->file = std::move(file);
}

NpzFile::~NpzFile() = default;

std::vector<std::string> NpzFile::names() const {
  std::vector<std::string> names;
  for (const auto& [name, entry] : state_->entries) names.push_back(name);
  return names;
}

bool NpzFile::has(const std::string& name) const { return state_->entries.count(name) > 0; }

const mx::Shape& NpzFile::shape(const std::string& name) const {
  return state_->entry(name).header.shape;
}

mx::array NpzFile::load(const std::string& name) const {
  return read_array(state_->zip.get(), state_->entry(name));
}

const std::string& NpzFile::comment() const { return state_->comment; }

std::map<std::string, mx::array> load_npz(const fs::path& path) { return all_of(NpzFile(path)); }

std::map<std::string, mx::array> parse_npz(std::string_view bytes, const std::string& what) {
  return all_of(NpzFile(bytes, what));
}

}  // namespace graft::io
