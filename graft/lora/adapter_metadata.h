#pragma once

#include <cstdint>
#include <string>

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// The key of graft's settings in the JSON text below, and of that text in a file's metadata.
inline constexpr const char* kSettingsKey = "graft_adapter";

/// The JSON text that graft writes with an adapter's tensors, whatever the layout:
/// {"graft_adapter": {...}} with settings, scales and origin. Of very many trainings only the last
/// ones are kept, and no configuration that is long. Of what does not fit into `most` bytes
/// configuration and trainings are left out; throws Error if settings and scales alone do not fit.
std::string metadata_of(const AdapterFile& file, size_t most = SIZE_MAX);

/// Takes settings, scales and origin from such a text; nothing from one without that key. Throws
/// Error for settings that make no sense.
void take_metadata(AdapterFile& file, const std::string& text);

}  // namespace graft::lora
