#include "graft/report/growing_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <system_error>

#include "graft/base/error.h"

namespace graft::report {
namespace {

[[noreturn]] void fail_record(const fs::path& path, int why) {
  fail("cannot write {}: {}", path.string(), std::strerror(why));
}

}  // namespace

GrowingFile::GrowingFile(const fs::path& path)
    : path_(path),
      descriptor_(::open(path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666)) {
  if (descriptor_ < 0) fail_record(path_, errno);
}

GrowingFile::~GrowingFile() { ::close(descriptor_); }

void GrowingFile::append(std::string_view bytes) {
  const off_t before = ::lseek(descriptor_, 0, SEEK_END);
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) {
      const int why = errno;
      if (before >= 0 && ::ftruncate(descriptor_, before) != 0) {
        // A reader skips the half line.
      }
      fail_record(path_, why);
    }
    bytes.remove_prefix(static_cast<size_t>(count));
  }
}

void make_folder(const fs::path& folder) {
  std::error_code error;
  fs::create_directory(folder, error);
  if (error) fail("cannot make the folder {}: {}", folder.string(), error.message());
}

}  // namespace graft::report
