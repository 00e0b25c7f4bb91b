#include "graft/hub/dataset.h"

#include "graft/base/error.h"
#include "graft/hub/snapshot.h"

namespace graft::hub {
namespace {

void fetch_files(Snapshot& snapshot, const ChooseFiles& choose) {
  std::vector<std::string> names;
  for (const RemoteFile& file : snapshot.listing().files) names.push_back(file.name);
  std::vector<RemoteFile> files;
  for (const std::string& name : choose(names)) files.push_back(*snapshot.listing().find(name));
  snapshot.fetch(files);
}

bool is_whole(const fs::path& folder, const ChooseFiles& choose) {
  try {
    return !choose(files_below(folder)).empty();
  } catch (const Error&) {
    return false;
  }
}

}  // namespace

fs::path fetch_dataset(const Environment& environment, const Repository& repository,
                       const ChooseFiles& choose) {
  return fetch_snapshot(environment, repository,
                        {[&](Snapshot& snapshot) { fetch_files(snapshot, choose); },
                         [&](const fs::path& folder) { return is_whole(folder, choose); }});
}

}  // namespace graft::hub
