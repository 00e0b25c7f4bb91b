#include <zip.h>

#include <memory>
#include <vector>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/io/npy.h"
#include "graft/io/npz.h"

namespace graft::io {
namespace {

constexpr zip_uint16_t kFirstOfJanuary1980 = 0x21;

// A zip in memory: its bytes are only known to be whole when it is closed.
class ZipBuilder {
 public:
  explicit ZipBuilder(const fs::path& path) : path_(path) {
    target_ = zip_source_buffer_create(nullptr, 0, 0, nullptr);
    if (target_ == nullptr) refuse("out of memory");
    zip_ = zip_open_from_source(target_, ZIP_CREATE | ZIP_TRUNCATE, nullptr);
    if (zip_ == nullptr) {
      zip_source_free(target_);
      refuse("cannot create a zip");
    }
    zip_source_keep(target_);
  }

  ~ZipBuilder() {
    if (zip_ != nullptr) zip_discard(zip_);
    if (target_ != nullptr) zip_source_free(target_);
  }

  ZipBuilder(const ZipBuilder&) = delete;
  ZipBuilder& operator=(const ZipBuilder&) = delete;

  // Both parts must live until `finish`.
  void add(const std::string& name, const std::string& header, const mx::array& value) {
    std::vector<zip_buffer_fragment_t> parts{
        {reinterpret_cast<zip_uint8_t*>(const_cast<char*>(header.data())), header.size()},
        {const_cast<zip_uint8_t*>(value.data<zip_uint8_t>()), value.nbytes()}};
    zip_source_t* source = zip_source_buffer_fragment(zip_, parts.data(), parts.size(), 0);
    zip_int64_t index = source == nullptr ? -1 : zip_file_add(zip_, name.c_str(), source, 0);
    if (index < 0) {
      zip_source_free(source);
      refuse(zip_strerror(zip_));
    }
    auto entry = static_cast<zip_uint64_t>(index);
    if (zip_set_file_compression(zip_, entry, ZIP_CM_STORE, 0) != 0 ||
        zip_file_set_dostime(zip_, entry, 0, kFirstOfJanuary1980, 0) != 0) {
      refuse(zip_strerror(zip_));
    }
  }

  void comment(std::string_view text) {
    auto length = static_cast<zip_uint16_t>(text.size());
    if (zip_set_archive_comment(zip_, text.data(), length) != 0) refuse(zip_strerror(zip_));
  }

  void finish(AtomicFile& file) {
    if (zip_close(zip_) != 0) refuse(zip_strerror(zip_));
    zip_ = nullptr;
    if (zip_source_open(target_) != 0) refuse(zip_error_strerror(zip_source_error(target_)));
    std::vector<char> buffer(size_t{1} << 20);
    zip_int64_t got = 0;
    while ((got = zip_source_read(target_, buffer.data(), buffer.size())) > 0) {
      file.write(buffer.data(), static_cast<size_t>(got));
    }
    zip_source_close(target_);
    if (got < 0) refuse(zip_error_strerror(zip_source_error(target_)));
  }

 private:
  [[noreturn]] void refuse(std::string_view why) const {
    fail("cannot write {}: {}", path_.string(), why);
  }

  const fs::path& path_;
  zip_source_t* target_ = nullptr;
  zip_t* zip_ = nullptr;
};

}  // namespace

void save_npz(const fs::path& path, const std::map<std::string, mx::array>& arrays,
              std::string_view comment) {
  if (comment.size() > kMaxComment) {
    fail("cannot write {}: a comment of {} bytes, but a zip holds {} at most", path.string(),
         comment.size(), kMaxComment);
  }
  AtomicFile file(path);
  std::vector<mx::array> values;
  std::vector<std::string> headers;
  for (const auto& [name, value] : arrays) {
    values.push_back(mx::contiguous(value));
    headers.push_back(npy_header(value.dtype(), value.shape()));
  }
  mx::eval(values);
  ZipBuilder zip(path);
  size_t next = 0;
  for (const auto& [name, value] : arrays) {
    zip.add(name + ".npy", headers[next], values[next]);
    ++next;
  }
  if (!comment.empty()) zip.comment(comment);
  zip.finish(file);
  file.commit();
}

}  // namespace graft::io
