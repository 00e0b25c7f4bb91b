#include "graft/hub/chosen_files.h"

#include <algorithm>
#include <sstream>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/hub/snapshot.h"

namespace graft::hub {
namespace {

constexpr const char* kCard = "README.md";
constexpr size_t kMostCardBytes = size_t{4} << 20;

class ChosenFetch {
 public:
  ChosenFetch(const Environment& environment, const Repository& repository,
              const ChooseFiles& choose)
      : folder_(environment.notes / "listings"), repository_(repository), choose_(choose) {}

  void fetch(Snapshot& snapshot) const {
    const Listing& listing = snapshot.listing();
    std::vector<std::string> names;
    for (const RemoteFile& file : listing.files) names.push_back(file.name);
    const RemoteFile* card = listing.find(kCard);
    if (card != nullptr && card->size <= kMostCardBytes) snapshot.fetch({*card}, true);
    std::vector<RemoteFile> files;
    for (const std::string& name : choose_({names, card_of(snapshot.path())})) {
      files.push_back(*listing.find(name));
    }
    note_names(listing.commit, names);
    snapshot.fetch(files);
  }

  bool is_whole(const fs::path& snapshot) const {
    try {
      const std::vector<std::string> files = choose_({names_of(snapshot), card_of(snapshot)});
      return !files.empty() &&
             std::all_of(files.begin(), files.end(),
                         [&](const std::string& name) { return is_there(snapshot / name); });
    } catch (const Error&) {
      return false;
    }
  }

 private:
  fs::path path(const std::string& commit) const {
    return folder_ / (repository_.folder_name() + "--" + commit + ".txt");
  }

  void note_names(const std::string& commit, const std::vector<std::string>& names) const {
    std::string lines;
    for (const std::string& name : names) lines += name + "\n";
    std::error_code error;
    fs::create_directories(folder_, error);
    if (error) fail("cannot make the folder {}: {}", folder_.string(), error.message());
    write_text(path(commit), lines);
  }

  std::vector<std::string> names_of(const fs::path& snapshot) const {
    const fs::path noted = path(snapshot.filename().string());
    if (!is_there(noted)) return files_below(snapshot);
    std::vector<std::string> names;
    std::istringstream lines(read_text(noted));
    for (std::string name; std::getline(lines, name);) names.push_back(name);
    return names;
  }

  fs::path folder_;
  const Repository& repository_;
  const ChooseFiles& choose_;
};

}  // namespace

std::string card_of(const fs::path& folder) {
  const fs::path file = folder / kCard;
  std::error_code error;
  const bool is_card = is_there(file) && fs::file_size(file, error) <= kMostCardBytes;
  return is_card ? read_text(file, kMostCardBytes) : "";
}

fs::path fetch_chosen(const Environment& environment, const Repository& repository,
                      const ChooseFiles& choose) {
  const ChosenFetch chosen(environment, repository, choose);
  return fetch_snapshot(environment, repository,
                        {[&](Snapshot& snapshot) { chosen.fetch(snapshot); },
                         [&](const fs::path& folder) { return chosen.is_whole(folder); }});
}

}  // namespace graft::hub
