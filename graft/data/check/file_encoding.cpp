#include "graft/data/check/file_encoding.h"

#include <fmt/ranges.h>

#include <string_view>

namespace graft::data::check {

const Kind kFileEncoding = {"file_encoding", "files in an unusual encoding",
                            "graft reads them all the same; other programs may not"};

std::vector<std::string> oddities_of(const TextForm& form) {
  std::vector<std::string> found;
  for (const int64_t line : form.marks()) {
    found.push_back(line == 1
                        ? "it begins with a byte order mark"
                        : fmt::format("line {} begins with a byte order mark, as where files were "
                                      "joined",
                                      line));
  }
  if (form.has_nul()) return found;
  std::vector<std::string> ends;
  const auto add = [&](const char* name, int64_t first) {
    if (first > 0) ends.push_back(fmt::format("{} (line {})", name, first));
  };
  add("LF", form.first_lf());
  add("CR LF", form.first_crlf());
  add("CR", form.first_cr());
  if (ends.size() > 1)
    found.push_back(fmt::format("line ends are mixed: {}", fmt::join(ends, ", ")));
  if (ends.size() == 1 && form.first_cr() > 0) {
    found.emplace_back("lines end in CR alone, as on old Macs");
  }
  return found;
}

}  // namespace graft::data::check
