#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graft/hub/environment.h"
#include "graft/hub/repository.h"

namespace graft::hub {

/// The names of a repository's files, and its card, README.md, if it has one.
struct RepositoryFiles {
  std::vector<std::string> names;
  std::string card;
};

/// The text of the card in a repository's folder; empty if there is none, or one larger than cards
/// are.
std::string card_of(const fs::path& folder);

/// Chooses the files that are needed from a repository's; throws Error if there are none.
using ChooseFiles = std::function<std::vector<std::string>(const RepositoryFiles& files)>;

/// Downloads the chosen files of a data set, say, or of an adapter, as a model is downloaded, and
/// its card, and returns their folder in the cache. The names of all its files are noted: a cached
/// copy is complete if it has those that `choose` picks from them. A copy made by another program
/// has no such note and is complete if `choose` picks any of its files.
fs::path fetch_chosen(const Environment& environment, const Repository& repository,
                      const ChooseFiles& choose);

}  // namespace graft::hub
