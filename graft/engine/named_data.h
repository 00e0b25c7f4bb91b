#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/engine/runtime.h"

namespace graft::engine {

/// The folder that a data set's name stands for.
struct NamedData {
  fs::path folder;
  std::optional<std::string> name = {};  // of the repository, on the Hub
  fs::path shown = {};                   // the name, with the folder in the repository

  /// How messages show a path in `folder`.
  std::string path_text(const fs::path& path) const;
};

/// Which of the named splits are needed: all of them, or the first that exists.
enum class Splits { all, first };

/// Resolves a data set's name: an existing folder, else a data set on the Hub, "owner/name",
/// "owner/name/folder" or either with "@revision", whose files for these splits ("train", "valid",
/// "test") are fetched into the cache. Throws Error if it does not have them, Cancelled.
NamedData named_data(const Runtime& runtime, const std::string& name,
                     const std::vector<std::string>& splits, Splits which = Splits::all);

}  // namespace graft::engine
