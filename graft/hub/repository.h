#pragma once

#include <optional>
#include <string>

namespace graft::hub {

/// A model's repository and a branch, tag or commit of it.
struct Repository {
  std::string name;  // "owner/name", or a name alone of the oldest models
  std::string revision = "main";

  /// "owner/name" or "owner/name@revision"; nothing if the text cannot be one. The rules of
  /// huggingface_hub's `validate_repo_id`.
  static std::optional<Repository> parse(const std::string& text);

  /// The folder in the cache: "models--owner--name".
  std::string folder_name() const;
};

/// Whether a text is the full hash of a commit: 40 hexadecimal digits.
bool is_commit(const std::string& text);

}  // namespace graft::hub
