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

/// `--hf-path` as an origin; nothing if it was not given. Throws UsageError for what is no name.
std::optional<io::Origin> named_origin(const std::optional<std::string>& hf_path);

/// What a model's folder is to the model that it is made from.
hub::Relation relation_of(const fs::path& model, const io::Provenance& provenance);

/// An upload that was asked for.
class PlannedUpload {
 public:
  /// `name`: of the repository. Throws UsageError for a name that is none.
  PlannedUpload(const hub::Environment& environment, const std::string& name, bool make_private);

  /// Before the work that the upload follows: throws UsageError if it would not say what model
  /// `model` is made from (`how` it can be said), Error without a token that the Hub knows.
  void check(const io::Provenance& provenance, const std::string& model,
             const std::string& how = "give its owner/name with --hf-path") const;

  /// Sends the files of a folder with a card that says where they come from, unless there is one
  /// among them or in the repository that somebody has written.
  void run(const fs::path& folder, std::vector<hub::LocalFile> files, hub::CardFacts facts) const;
  /// A model's.
  void run(const fs::path& model, const io::Provenance& provenance) const;

 private:
  /// That uploads a folder as this does.
  std::string command(const fs::path& folder) const;
  void add_card(std::vector<hub::LocalFile>& files, hub::CardFacts& facts) const;

  const hub::Environment& environment_;
  hub::Repository target_;
  bool make_private_;
};

}  // namespace graft::cli
