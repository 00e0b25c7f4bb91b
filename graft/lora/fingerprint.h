#pragma once

#include <string>

#include "graft/io/model_folder.h"

namespace graft::lora {

/// 16 hex digits that tell one model's weights from another's: a hash over the names, shapes and
/// dtypes of its tensors and the first bytes of each. Quick, and no proof against forgery.
std::string fingerprint(const io::ModelFolder& folder);

}  // namespace graft::lora
