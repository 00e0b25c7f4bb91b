#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/engine/runtime.h"

namespace graft::engine {

/// The folder that a person means by a data set.
struct NamedData {
  fs::path folder;
  std::optional<std::string> name = {};  // of the repository, on the Hub
  fs::path shown = {};                   // the same with the folder in it

  /// What a person knows a path in `folder` by.
  std::string path_text(const fs::path& path) const;
};

/// What is wanted of a data set: all of the splits that are named, or the first that there is.
enum class Splits { all, first };

/// A folder that is there, else "owner/name", "owner/name/folder" or either with "@revision", a
/// data set of the Hub, of which the files of these splits ("train", "valid", "test") are fetched
/// into its cache. Throws Error if it does not have them, Cancelled.
NamedData named_data(const Runtime& runtime, const std::string& name,
                     const std::vector<std::string>& splits, Splits which = Splits::all);

}  // namespace graft::engine
