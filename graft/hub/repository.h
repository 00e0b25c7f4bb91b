#pragma once

#include <optional>
#include <string>

namespace graft::hub {

enum class RepositoryKind { model, dataset, space };

/// A repository and a branch, tag or commit of it.
struct Repository {
  std::string name;  // "owner/name", or a name alone of the oldest models
  std::string revision = "main";
  RepositoryKind kind = RepositoryKind::model;

  /// Parses "owner/name" or "owner/name@revision"; nothing if it breaks the rules of
  /// huggingface_hub's `validate_repo_id`.
  static std::optional<Repository> parse(const std::string& text);

  /// From a folder's name in the cache; nothing if it is not a repository's.
  static std::optional<Repository> of_folder(const std::string& folder);

  /// The folder in the cache: "models--owner--name".
  std::string folder_name() const;
  /// The path of its page and, behind "/resolve", of its files: "owner/name",
  /// "datasets/owner/name".
  std::string page_path() const;
  /// The path of the API: "models/owner/name", "datasets/owner/name".
  std::string api_path() const;
  /// "model", "data set", "space".
  const char* kind_name() const;
};

/// Whether a text is the full hash of a commit: 40 hexadecimal digits.
bool is_commit(const std::string& text);

}  // namespace graft::hub
