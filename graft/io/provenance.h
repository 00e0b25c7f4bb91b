#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/io/json.h"

namespace graft::io {

/// A model of the Hub that another one is made from.
struct Origin {
  std::string repository;  // "owner/name"
  std::string commit;      // 40 hexadecimal digits; empty: not known
};

/// How a command that others may see names a model: by its repository, or not at all ("MODEL").
std::string name_in_command(const std::optional<Origin>& origin);

/// One thing that was done to a model: `graft convert`, a training, `graft fuse`.
struct HistoryEntry {
  std::string command;  // as it may be shown to others: no paths of this machine
  std::string version;  // graft's
  std::vector<std::pair<std::string, std::string>> facts = {};  // "iterations", "600"
  bool finetunes = false;  // the result is another model, and not only in another format
};

/// Where a model or an adapter comes from and how it was made, which its model card tells. A
/// model's folder has it as `graft.json`, an adapter in its metadata.
struct Provenance {
  std::optional<Origin> origin = {};
  std::vector<std::string> datasets = {};  // of the Hub, that it was trained on
  std::vector<HistoryEntry> steps = {};    // the first one first

  /// Adds what `other` was trained on and its steps; its origin where there is none.
  void add(const Provenance& other);

  /// Whether it is another model than its origin, and not only in another format.
  bool is_finetuned() const;

  json to_json() const;
  /// Takes what makes sense of a value that anybody may have written; the rest is passed over.
  static Provenance from_json(const json& value);

  /// Of a model's folder; empty if it does not say. Throws Error for a file that is no JSON object.
  static Provenance read(const fs::path& folder);
  /// Writes nothing where there is nothing to say.
  void write(const fs::path& folder) const;
};

inline constexpr const char* kProvenanceFile = "graft.json";

}  // namespace graft::io
