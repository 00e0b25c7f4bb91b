#include "tests/support/paths.h"

namespace graft::testing {

fs::path fixture(const fs::path& name) { return source_folder() / "tests" / "fixtures" / name; }

fs::path source_folder() { return GRAFT_SOURCE_DIR; }

fs::path program() { return GRAFT_PROGRAM; }

}  // namespace graft::testing
