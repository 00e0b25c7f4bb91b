#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/lora/adapter_format.h"

namespace graft::lora {

/// The layout of an adapter's file, by its name. Throws UsageError for a name of none.
const AdapterFormat& format_of(const fs::path& file);

/// The adapter's file that a path names: itself, or the one in the folder that it is. Throws Error
/// if there is nothing, or a folder holds no adapter or several.
fs::path found_adapter(const fs::path& path);

/// Whether a path is an adapter's: the name of a file in a layout, or a folder that holds one by a
/// layout's own name.
bool is_adapter_path(const fs::path& path);

/// The files of the adapter among those of a folder or repository, its config with it: of the one
/// layout of which there is a file of its own name, or of the one that `file` names, wherever it
/// lies. Throws Error if there is none, if there are several and none is named, and for a config
/// that is missing; UsageError for a `file` with a name of no layout.
std::vector<std::string> adapter_files_among(const std::vector<std::string>& names,
                                             const std::string& file = "");

/// The file to write for a path: itself, or, for a folder and for a name without an extension, the
/// file of the layout in that folder; of mlx-lm's if none is named. Throws UsageError if the path
/// and the layout do not go together, and for a layout that is not known.
fs::path adapter_to_write(const fs::path& path, const std::optional<std::string>& format = {});

/// The files of an adapter that is there: its own, and its config if the layout has one.
std::vector<fs::path> files_of_adapter(const fs::path& file);

/// The names of all layouts: "mlx-lm, peft, ... or gguf".
std::string known_formats();

}  // namespace graft::lora
