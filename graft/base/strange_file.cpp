#include "graft/base/strange_file.h"

#include <algorithm>

#include "graft/base/error.h"

namespace graft {
namespace {

using std::string_view_literals::operator""sv;

constexpr size_t kMostLfsPointer = 1024;  // bytes; https://github.com/git-lfs, docs/spec.md

// Text of ASCII in two bytes a character.
bool looks_like_utf16(std::string_view bytes) {
  if (bytes.starts_with("\xff\xfe") || bytes.starts_with("\xfe\xff")) return true;
  if (bytes.size() < 8) return false;
  const size_t size = std::min<size_t>(bytes.size(), 64) / 2 * 2;
  size_t first = 0, second = 0;
  for (size_t i = 0; i < size; i += 2) {
    first += bytes[i] == '\0';
    second += bytes[i + 1] == '\0';
  }
  return (first == 0 && second == size / 2) || (second == 0 && first == size / 2);
}

}  // namespace

std::string what_it_is(std::string_view bytes) {
  if (bytes.empty()) return ": it is empty";
  if (bytes.starts_with("\xff\xfe\0\0"sv) || bytes.starts_with("\0\0\xfe\xff"sv)) {
    return ": it is in UTF-32; save it as UTF-8";
  }
  if (looks_like_utf16(bytes)) {
    return ": it is in UTF-16, as PowerShell's > and Out-File write it; save it as UTF-8";
  }
  if (bytes.starts_with("\xef\xbb\xbf")) return ": it begins with a byte order mark";
  if (bytes.starts_with("\x1f\x8b")) return ": it is compressed (gzip)";
  if (bytes.starts_with("BZh")) return ": it is compressed (bzip2)";
  if (bytes.starts_with("\x28\xb5\x2f\xfd")) return ": it is compressed (zstd)";
  if (bytes.starts_with("PK\x03\x04")) return ": it is a zip archive";
  if (bytes.starts_with("GGUF")) return ": it is a GGUF file";
  if (bytes.starts_with("PAR1")) return ": it is a Parquet file";
  bytes.remove_prefix(std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size()));
  if (bytes.starts_with("<!DOCTYPE") || bytes.starts_with("<!doctype") ||
      bytes.starts_with("<html")) {
    return ": it is a web page";
  }
  return "";
}

void refuse_lfs_pointer(std::string_view bytes, const fs::path& path) {
  if (bytes.size() > kMostLfsPointer) return;
  if (!bytes.starts_with("version https://git-lfs.github.com/spec/")) return;
  fail("{} is a Git LFS pointer, not the file itself: run git lfs pull in its folder",
       path.string());
}

}  // namespace graft
