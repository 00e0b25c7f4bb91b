#pragma once

#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/base/json_types.h"

namespace graft::io {

struct YamlEntry;

/// A value of a YAML document, with the line it stands in, counted from 1.
struct YamlValue {
  enum class Kind { scalar, list, map };

  Kind kind = Kind::scalar;
  int line = 1;
  ordered_json scalar;             // null, boolean, number or string
  std::string word;                // of a boolean, as it is written: "off"
  std::vector<YamlValue> items;    // of a list
  std::vector<YamlEntry> entries;  // of a map, in the file's order

  bool is_null() const { return kind == Kind::scalar && scalar.is_null(); }
  /// The whole of it.
  ordered_json json() const;
  /// A scalar or a list, with a boolean as the word that is written, in small letters, since a text
  /// may be wanted: "off" may be the name of something.
  ordered_json written() const;
};

struct YamlEntry {
  std::string key;
  int line;  // of the key
  YamlValue value;
};

/// Reads a YAML file of settings: one document, a map at the top. Plain scalars are those of
/// `plain_scalar`; "<<" merges maps. Throws Error, which names the file and the line, for a file
/// that is no YAML or no map, for a duplicate key, a tab where blanks belong, a tag that is not
/// YAML's own, and for one that is larger or nested more deeply than settings are, by aliases, too.
YamlValue read_yaml_map(const fs::path& path);

/// The same from text; `file` names it in errors.
YamlValue parse_yaml_map(const std::string& text, const std::string& file);

/// A flat map of settings as a YAML file, a line for each.
std::string yaml_text(const ordered_json& settings);

}  // namespace graft::io
