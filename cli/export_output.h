#pragma once

#include "graft/base/files.h"
#include "graft/gguf/export.h"

namespace graft::cli {

/// What was written, and what each type of tensors has lost.
void print_exported(const gguf::ExportedFile& file, const fs::path& path);

}  // namespace graft::cli
