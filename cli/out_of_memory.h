#pragma once

namespace graft::cli {

/// Whether an allocation that fails ends the program with one line that says how much was asked
/// for: libraries use memory without a look at whether they got it. Known for glibc alone; the
/// definition of malloc comes with this function.
bool reports_lack_of_memory();

}  // namespace graft::cli
