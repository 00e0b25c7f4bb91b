#pragma once

#include <string>

#include "graft/lora/adapter_file.h"

namespace graft::lora {

/// The key of graft's settings in the JSON text below, and of that text in a file's metadata.
inline constexpr const char* kSettingsKey = "graft_adapter";

/// The JSON text that graft writes with an adapter's tensors, whatever the layout:
/// {"graft_adapter": {...}} with settings, scales and origin. At most 64 kB, which is what a zip's
/// comment holds, as far as provenance and configuration decide it: of very many trainings only
/// the last ones are kept.
std::string metadata_of(const AdapterFile& file);

/// Takes settings, scales and origin from such a text; nothing from one without that key. Throws
/// Error for settings that make no sense.
void take_metadata(AdapterFile& file, const std::string& text);

}  // namespace graft::lora
