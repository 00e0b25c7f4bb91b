#pragma once

#include <string>

#include "graft/data/records/formats.h"
#include "graft/data/renderer.h"

namespace graft::data {

/// What a data set with such a first record is, and what of it is trained, in words: "chats in the
/// model's template; what assistants say is trained".
std::string description_of(const RecordFormat& format, const RecordContent& first,
                           const Renderer& renderer);

}  // namespace graft::data
