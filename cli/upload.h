#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/hub/card.h"
#include "graft/hub/environment.h"
#include "graft/hub/local_file.h"
#include "graft/hub/repository.h"
#include "graft/io/provenance.h"

namespace graft::cli {

/// `--hf-path` as an origin; nothing if it was not given. Throws UsageError for an invalid name.
std::optional<io::Origin> named_origin(const std::optional<std::string>& hf_path);

/// How a model folder relates to the model that it was made from.
hub::Relation relation_of(const fs::path& model, const io::Provenance& provenance);

/// An upload that was asked for.
class PlannedUpload {
 public:
  /// `name`: the repository's. Throws UsageError if it is invalid.
  PlannedUpload(const hub::Environment& environment, const std::string& name, bool make_private);

  /// Call before the work whose result is uploaded: throws UsageError if nothing says what model
  /// `model` is made from (`how`: how the user can say it), Error without a token that the Hub
  /// knows.
  void check(const io::Provenance& provenance, const std::string& model,
             const std::string& how = "give its owner/name with --hf-path") const;

  /// Sends the files of a folder with a generated card that says where they come from, unless the
  /// folder or the repository has a card that somebody wrote.
  void run(const fs::path& folder, std::vector<hub::LocalFile> files, hub::CardFacts facts) const;
  /// Sends a model's folder.
  void run(const fs::path& model, const io::Provenance& provenance) const;

 private:
  /// The command that uploads a folder as this does.
  std::string command(const fs::path& folder) const;
  void add_card(std::vector<hub::LocalFile>& files, hub::CardFacts& facts) const;

  const hub::Environment& environment_;
  hub::Repository target_;
  bool make_private_;
};

}  // namespace graft::cli
