#pragma once

#include <optional>
#include <string>

#include "graft/hub/card.h"
#include "graft/hub/environment.h"
#include "graft/hub/repository.h"
#include "graft/io/provenance.h"

namespace graft::cli {

/// Where a model comes from: a snapshot of the Hub's cache is its repository's, another folder says
/// it in its graft.json, or does not know.
Provenance provenance_of(const std::filesystem::path& model);

/// An upload that was asked for, checked before the work that it follows.
class PlannedUpload {
 public:
  /// `name`: of the repository. Throws UsageError for a name that is none, Error without a token.
  PlannedUpload(const std::string& name, bool make_private);

  /// Sends a folder with a card that says where it comes from, unless it has a README.md of its
  /// own.
  void run(const std::filesystem::path& folder, hub::Relation relation,
           const Provenance& provenance, const std::string& adapter_file = "") const;

 private:
  hub::Environment environment_;
  hub::Repository target_;
  bool make_private_;
};

/// What a model's folder is to the model that it is made from.
hub::Relation relation_of(const std::filesystem::path& model, const Provenance& provenance);

/// `--hf-path` as an origin; nothing if it was not given. Throws UsageError for what is no name.
std::optional<Origin> named_origin(const std::optional<std::string>& hf_path);

/// Throws UsageError if an upload would not say what model it is made from.
void check_attribution(const Provenance& provenance, const std::string& model);

}  // namespace graft::cli
