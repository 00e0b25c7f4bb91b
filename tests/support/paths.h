#pragma once

#include "graft/base/files.h"

// Where things of the tests lie. They are compiled into one file, so that all else is compiled
// alike wherever the tree lies.
namespace graft::testing {

/// A file or folder of tests/fixtures.
fs::path fixture(const fs::path& name);

/// The tree.
fs::path source_folder();

/// The graft program that was built with the tests.
fs::path program();

}  // namespace graft::testing
