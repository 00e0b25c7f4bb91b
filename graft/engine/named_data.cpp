#include "graft/engine/named_data.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/data/splits.h"
#include "graft/hub/dataset.h"

namespace graft::engine {
namespace {

struct Place {
  hub::Repository repository;
  std::string folder;  // in the repository, ending in a slash; empty: its top
};

std::optional<Place> parse(const std::string& text) {
  const size_t at = std::min(text.find('@'), text.size());
  const std::string path = text.substr(0, at);
  const size_t owner = path.find('/');
  if (owner == std::string::npos) return std::nullopt;  // more likely a missing folder
  const size_t end = std::min(path.find('/', owner + 1), path.size());
  auto repository = hub::Repository::parse(path.substr(0, end) + text.substr(at));
  if (!repository) return std::nullopt;
  repository->kind = hub::RepositoryKind::dataset;
  std::string folder = path.substr(std::min(end + 1, path.size()));
  while (folder.ends_with('/')) folder.pop_back();
  if (!folder.empty()) folder += '/';
  return Place{*repository, folder};
}

// The files of the splits among those of a data set.
std::vector<std::string> choose(const std::vector<std::string>& all, const Place& place,
                                const std::vector<std::string>& splits, Splits which) {
  std::vector<std::string> names, chosen;
  for (const std::string& name : all) {
    if (name.starts_with(place.folder)) names.push_back(name.substr(place.folder.size()));
  }
  for (const std::string& split : splits) {
    const std::vector<std::string> files = data::split_files(names, split);
    if (files.empty() && which == Splits::all) {
      fail("{} has no JSONL or Parquet file for the split {}: see its files on the Hub",
           place.repository.name, split);
    }
    for (const std::string& file : files) chosen.push_back(place.folder + file);
    if (!files.empty() && which == Splits::first) break;
  }
  if (chosen.empty()) {
    fail("{} has no JSONL or Parquet file for the split {}: see its files on the Hub",
         place.repository.name, fmt::join(splits, " or "));
  }
  return chosen;
}

}  // namespace

std::string NamedData::path_text(const fs::path& path) const {
  return name ? (shown / path.lexically_relative(folder)).string() : path.string();
}

NamedData named_data(const Runtime& runtime, const std::string& name,
                     const std::vector<std::string>& splits, Splits which) {
  const auto place = is_there(name) ? std::nullopt : parse(name);
  if (!place) return {.folder = name};
  try {
    const fs::path snapshot = hub::fetch_dataset(
        runtime.hub(), place->repository,
        [&](const std::vector<std::string>& all) { return choose(all, *place, splits, which); });
    const fs::path shown = fs::path(place->repository.name) / place->folder;
    return {snapshot / place->folder, place->repository.name, shown};
  } catch (const UsageError&) {
    throw;
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    fail("there is no folder {} here, and as a data set of the Hub: {}", name, error.what());
  }
}

}  // namespace graft::engine
