#include "graft/data/check/file_encoding.h"

#include <fmt/ranges.h>

#include <memory>
#include <string_view>

#include "graft/base/error.h"
#include "graft/data/rows/byte_source.h"
#include "graft/data/rows/compressed_bytes.h"

namespace graft::data::check {
namespace {

constexpr size_t kLookedAt = size_t{1} << 20;

std::string begin_of_source(ByteSource& source, size_t most) {
  std::string bytes(most, '\0');
  size_t size = 0;
  for (size_t count; size < most; size += count) {
    count = source.read(bytes.data() + size, most - size);
    if (count == 0) break;
  }
  bytes.resize(size);
  return bytes;
}

std::string begin_of_file(const DataFile& file) {
  std::string begin = begin_of_source(*open_file_bytes(file.path, file.name), kLookedAt);
  const Compression compression = compression_of(begin);
  if (compression == Compression::none) return begin;
  auto packed = open_file_bytes(file.path, file.name);
  const auto source = compression == Compression::gzip ? gunzip(std::move(packed), file.name)
                                                       : unzstd(std::move(packed), file.name);
  return begin_of_source(*source, kLookedAt);
}

// The kinds of line ends, each with where it is first.
std::vector<std::string> line_ends(std::string_view text) {
  int64_t line = 1, lf = 0, crlf = 0, cr = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\n' && text[i] != '\r') continue;
    const bool is_cr = text[i] == '\r';
    if (is_cr && i + 1 == text.size()) break;
    const bool two = is_cr && text[i + 1] == '\n';
    int64_t& first = !is_cr ? lf : two ? crlf : cr;
    if (first == 0) first = line;
    if (two) ++i;
    ++line;
  }
  std::vector<std::string> found;
  const auto add = [&](const char* name, int64_t first) {
    if (first > 0) found.push_back(fmt::format("{} (line {})", name, first));
  };
  add("LF", lf);
  add("CR LF", crlf);
  add("CR", cr);
  return found;
}

}  // namespace

const Kind kFileEncoding = {"file_encoding", "files in an unusual encoding",
                            "graft reads them all the same; other programs may not"};

std::vector<std::string> oddities_of(const DataFile& file) {
  std::vector<std::string> found;
  std::error_code ignored;
  if (!fs::is_regular_file(file.path, ignored)) return found;  // a pipe can be read once
  std::string begin;
  try {
    begin = begin_of_file(file);
  } catch (const Error&) {
    return found;
  }
  if (begin.starts_with("PAR1")) return found;
  if (begin.starts_with("\xEF\xBB\xBF")) found.emplace_back("it begins with a byte order mark");
  if (begin.find('\0') != std::string::npos) return found;  // UTF-16, or no text
  const std::vector<std::string> ends = line_ends(begin);
  if (ends.size() > 1)
    found.push_back(fmt::format("line ends are mixed: {}", fmt::join(ends, ", ")));
  if (ends.size() == 1 && ends[0].starts_with("CR (")) {
    found.emplace_back("lines end in CR alone, as on old Macs");
  }
  return found;
}

}  // namespace graft::data::check
