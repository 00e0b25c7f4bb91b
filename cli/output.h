#pragma once

#include <fmt/format.h>

#include <string_view>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/json_types.h"
#include "graft/base/printable.h"

namespace graft::cli {

/// Writes to standard output, as it is. Not every failure is seen at once: `main` looks at the end.
void print_raw(std::string_view text);
/// From now on nothing is written to standard output, and no notes and warnings: another process of
/// the same training says all of it.
void mute_output();
bool output_is_muted();
/// Writes to standard error; a failure is ignored, since there is nobody to tell.
void print_error_raw(std::string_view text);

/// Facts, in which names of strangers may stand: they cannot steer the terminal.
template <class... Args>
void print_out(fmt::format_string<Args...> format, Args&&... args) {
  print_raw(printable(fmt::format(format, std::forward<Args>(args)...)));
}
template <class... Args>
void print_error(fmt::format_string<Args...> format, Args&&... args) {
  print_error_raw(printable(fmt::format(format, std::forward<Args>(args)...)));
}

/// A result as JSON, for scripts: in ASCII, so that it is JSON and cannot steer the terminal,
/// whatever stands in names; bytes that are no UTF-8 become U+FFFD.
void print_json(const ordered_json& result);

/// A text that was asked for, at once: as it is in a pipe or a file, so that it cannot steer it on
/// a terminal. Throws Error if it cannot be written.
/// ReaderGone if nobody reads it any more.
void print_text(std::string_view text);

/// Who read standard output has seen enough, as `head` does: nothing that need be said.
class ReaderGone : public Error {
 public:
  using Error::Error;
};

/// Throws Error unless all of standard output was written, ReaderGone if nobody reads it any more.
void finish_output();

/// Makes sure that no file of ours becomes standard output or standard error because the program
/// was started without them.
void occupy_standard_streams();

}  // namespace graft::cli
