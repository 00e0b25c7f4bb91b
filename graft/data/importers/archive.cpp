#include "graft/data/importers/archive.h"

#include <archive.h>
#include <archive_entry.h>

#include <algorithm>
#include <array>
#include <memory>

#include "graft/base/error.h"

namespace graft::data {
namespace {

class ArchiveReader {
 public:
  ArchiveReader(std::string_view bytes, const std::string& origin, const ArchiveLimits& limits)
      : archive_(archive_read_new(), archive_read_free), origin_(origin), limits_(limits) {
    // These filters and this format alone: others may start programs.
    archive_read_support_filter_bzip2(archive_.get());
    archive_read_support_format_tar(archive_.get());
    check(archive_read_open_memory(archive_.get(), bytes.data(), bytes.size()));
  }

  /// The next entry, or null after the last.
  archive_entry* next() {
    archive_entry* entry = nullptr;
    const int status = archive_read_next_header(archive_.get(), &entry);
    if (status == ARCHIVE_EOF) return nullptr;
    check(status);
    const auto size = static_cast<size_t>(std::max<la_int64_t>(archive_entry_size(entry), 0));
    if (++members_ > limits_.members) {
      fail("{}: more than {} files in the archive", origin_, limits_.members);
    }
    if (size > limits_.member_bytes || size > limits_.total_bytes - total_) {
      fail("{}: {} has {} bytes, more than is taken of one file ({}) or of all ({})", origin_,
           name_of(entry), size, limits_.member_bytes, limits_.total_bytes);
    }
    total_ += size;
    return entry;
  }

  /// The bytes of the entry that `next` gave.
  std::string content(archive_entry* entry) {
    std::string text;
    std::array<char, 1 << 16> block;
    while (true) {
      const la_ssize_t got = archive_read_data(archive_.get(), block.data(), block.size());
      if (got == 0) return text;
      if (got < 0) check(static_cast<int>(got));
      text.append(block.data(), static_cast<size_t>(got));
      if (text.size() > limits_.member_bytes) {
        fail("{}: {} unpacks to more than {} bytes", origin_, name_of(entry), limits_.member_bytes);
      }
    }
  }

  static std::string name_of(archive_entry* entry) {
    const char* name = archive_entry_pathname(entry);
    std::string text = name == nullptr ? "" : name;
    return text.rfind("./", 0) == 0 ? text.substr(2) : text;
  }

 private:
  void check(int status) {
    if (status == ARCHIVE_OK || status == ARCHIVE_WARN) return;
    const char* why = archive_error_string(archive_.get());
    fail("{}: not a whole .tar.bz2 archive ({}): perhaps an incomplete download", origin_,
         why == nullptr ? "unreadable" : why);
  }

  std::unique_ptr<archive, int (*)(archive*)> archive_;
  const std::string& origin_;
  const ArchiveLimits& limits_;
  size_t members_ = 0;
  size_t total_ = 0;
};

}  // namespace

std::map<std::string, std::string> read_archive(std::string_view bytes, const std::string& origin,
                                                const std::vector<std::string>& names,
                                                const ArchiveLimits& limits) {
  ArchiveReader reader(bytes, origin, limits);
  std::map<std::string, std::string> contents;
  while (archive_entry* entry = reader.next()) {
    std::string name = ArchiveReader::name_of(entry);
    const bool wanted = archive_entry_filetype(entry) == AE_IFREG &&
                        std::find(names.begin(), names.end(), name) != names.end();
    if (!wanted) continue;
    if (contents.count(name) > 0) fail("{}: {} is in the archive twice", origin, name);
    std::string text = reader.content(entry);
    contents.emplace(std::move(name), std::move(text));
  }
  for (const std::string& name : names) {
    if (contents.count(name) == 0) fail("{}: there is no {} in the archive", origin, name);
  }
  return contents;
}

}  // namespace graft::data
