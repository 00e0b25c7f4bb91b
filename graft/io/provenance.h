#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/io/json.h"

namespace graft::io {

/// A model on the Hub that another one was made from.
struct Origin {
  std::string repository;  // "owner/name"
  std::string commit;      // 40 hexadecimal digits; empty: not known
};

/// How a command shown to others names a model: by its repository, or as "MODEL" without one.
std::string name_in_command(const std::optional<Origin>& origin);

/// A step in a model's history: `graft convert`, a training, `graft fuse`.
struct HistoryEntry {
  std::string command;  // as it may be shown to others: no paths of this machine
  std::string version;  // graft's
  std::vector<std::pair<std::string, std::string>> facts = {};  // "iterations", "600"
  bool finetunes = false;  // the result is another model, not just another format
};

/// Where a model or an adapter comes from and how it was made, as its model card tells. Stored as
/// `graft.json` in a model folder, and in an adapter's metadata.
struct Provenance {
  std::optional<Origin> origin = {};
  std::vector<std::string> datasets = {};  // on the Hub, that it was trained on
  std::vector<HistoryEntry> steps = {};    // oldest first

  /// Adds the data sets and steps of `other`, and its origin if this has none.
  void add(const Provenance& other);

  /// Whether it is another model than its origin, not just another format.
  bool is_finetuned() const;

  json to_json() const;
  /// Reads a value that anybody may have written: parts that make no sense are ignored.
  static Provenance from_json(const json& value);

  /// From a model folder; empty if it has none. Throws Error if the file is not a JSON object.
  static Provenance read(const fs::path& folder);
  /// Into a model folder, with the names of all files that are written there.
  void write(const fs::path& folder, const std::vector<std::string>& files) const;
};

/// The files that graft wrote into a model folder, as its `graft.json` lists them: names without a
/// folder. None if that is not there or is no such list.
std::vector<std::string> recorded_files(const fs::path& folder);

inline constexpr const char* kProvenanceFile = "graft.json";

}  // namespace graft::io
