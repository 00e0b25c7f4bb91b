#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graft/hub/environment.h"
#include "graft/hub/repository.h"

namespace graft::hub {

/// Says which of a data set's files are wanted; throws Error if there are none.
using ChooseFiles = std::function<std::vector<std::string>(const std::vector<std::string>& names)>;

/// The folder in the cache that holds the chosen files of a data set, downloaded as a model is. The
/// names of all its files are noted, so that a copy in the cache is known to be whole when it holds
/// what `choose` takes of them; one that others have brought, when it takes something of it.
fs::path fetch_dataset(const Environment& environment, const Repository& repository,
                       const ChooseFiles& choose);

}  // namespace graft::hub
