#include "graft/engine/named_data.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/data/cached_tokens.h"
#include "graft/data/split_choice.h"
#include "graft/engine/data_split.h"

namespace graft::engine {
namespace {

struct HubPlace {
  hub::Repository repository;
  std::string folder;  // in the repository, ending in a slash; empty: its top
};

std::optional<HubPlace> parse_hub_place(const std::string& text) {
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
  return HubPlace{*repository, folder};
}

// The split that a name's part of this split lies in.
data::SplitPart part_of(const data::DataName& name, const std::string& split) {
  const auto found = name.splits.find(split);
  return found == name.splits.end() ? data::SplitPart{.split = split} : found->second;
}

// The files of a split in a listing, below a folder of it.
std::vector<std::string> files_in(const hub::RepositoryFiles& listing, const std::string& folder,
                                  const data::DataName& name, const std::string& split) {
  std::vector<std::string> names, files;
  for (const std::string& file : listing.names) {
    if (file.starts_with(folder)) names.push_back(file.substr(folder.size()));
  }
  const std::string card = folder.empty() ? listing.card : "";
  const std::string its = part_of(name, split).split;
  for (const std::string& file : data::choose_split(names, card, name.config, its)) {
    files.push_back(folder + file);
  }
  return files;
}

// The files of the splits, or of the first that there is.
std::vector<std::string> choose(const hub::RepositoryFiles& listing, const HubPlace& place,
                                const data::DataName& name, const std::vector<std::string>& splits,
                                Splits which) {
  std::vector<std::string> chosen;
  for (const std::string& split : splits) {
    for (std::string& file : files_in(listing, place.folder, name, split)) {
      if (std::find(chosen.begin(), chosen.end(), file) == chosen.end()) {
        chosen.push_back(std::move(file));
      }
    }
    if (!chosen.empty() && which == Splits::first) break;
  }
  if (chosen.empty()) {
    fail("{} has no JSONL, JSON, Parquet or CSV file for the split {}: see its files on the Hub",
         place.repository.name, fmt::join(splits, " or "));
  }
  return chosen;
}

void check_names(const std::vector<data::DataName>& names) {
  const auto weighs = [](const data::DataName& name) { return name.weight.has_value(); };
  const auto count = std::count_if(names.begin(), names.end(), weighs);
  if (count != 0 && count != std::ssize(names)) {
    fail_usage("`data`: give every data set a weight, as in a:0.7, or none of them");
  }
}

}  // namespace

NamedData::NamedData(const Runtime& runtime, const DataOptions& options,
                     const std::vector<std::string>& splits, Splits which)
    : runtime_(&runtime), valid_split_(options.valid_split), keys_(options.keys) {
  std::vector<data::DataName> names;
  for (const std::string& text : options.names) names.push_back(data::DataName::parse(text));
  check_names(names);
  std::vector<std::string> needed = splits;
  const bool validates = std::find(splits.begin(), splits.end(), "valid") != splits.end();
  // What validates is a part of the training set, where it is not of files of its own.
  if (validates && valid_split_ > 0) needed.emplace_back("train");
  for (data::DataName& name : names) {
    const auto hub = is_there(name.name) ? std::nullopt : parse_hub_place(name.name);
    if (!hub) {
      places_.push_back({std::move(name), {}, {}, "", ""});
      places_.back().path = places_.back().shown = places_.back().name.name;
      continue;
    }
    try {
      const fs::path snapshot = hub::fetch_chosen(
          runtime.hub(), hub->repository, [&](const hub::RepositoryFiles& listing) {
            return choose(listing, *hub, name, needed, which);
          });
      const std::string repository = hub->repository.name;
      places_.push_back({std::move(name), snapshot, repository, repository, hub->folder});
    } catch (const UsageError&) {
      throw;
    } catch (const Cancelled&) {
      throw;
    } catch (const Error& error) {
      fail("there is no folder {} here, and as a data set of the Hub: {}", name.name, error.what());
    }
  }
}

std::vector<data::DataFile> NamedData::files_of(const Place& place, const std::string& split) {
  if (is_file(place.path)) return {{place.path, place.shown.string()}};
  const std::string usual = part_of(place.name, split).split + ".jsonl";
  const bool plain = place.hub_name.empty() && place.name.config.empty();
  std::vector<std::string> files;
  if (plain && is_there(place.path / usual) && !is_there(place.path / "README.md")) {
    files = {usual};
  } else {
    if (!place.listing) place.listing = {files_below(place.path), hub::card_of(place.path)};
    files = files_in(*place.listing, place.prefix, place.name, split);
  }
  std::vector<data::DataFile> all;
  for (const std::string& file : files) {
    all.push_back({place.path / file, (place.shown / file).string()});
  }
  return all;
}

data::Source NamedData::source(const Place& place, const std::string& split) const {
  data::Source source{.keys = place.name.keys.any() ? place.name.keys : keys_,
                      .weight = place.name.weight};
  const bool one_file = is_file(place.path), named = place.name.splits.count(split) > 0;
  const bool shares = valid_split_ > 0 && place.name.splits.count("valid") == 0;
  source.slice = part_of(place.name, split).slice;
  if (split == "test" || named || (split == "train" && !shares)) {
    source.files = files_of(place, split);
    return source;
  }
  const auto own = one_file ? std::vector<data::DataFile>() : files_of(place, "valid");
  if (split == "valid" && !shares) {
    source.files = own;
    return source;
  }
  if (!own.empty()) {
    fail_usage("`valid_split`: {} has a validation set of its own, {}", place.shown.string(),
               own.front().name);
  }
  source.files = files_of(place, "train");
  source.hashes =
      split == "valid" ? data::HashRange{0, valid_split_} : data::HashRange{valid_split_, 1};
  return source;
}

std::vector<data::Source> NamedData::sources(const std::string& split) const {
  std::vector<data::Source> sources;
  for (const Place& place : places_) {
    data::Source its = source(place, split);
    if (its.files.empty()) continue;
    if (split != "train") its.weight.reset();  // they are measured whole
    sources.push_back(std::move(its));
  }
  return sources;
}

bool NamedData::has(const std::string& split) const { return !sources(split).empty(); }

std::string NamedData::trained_and_tested() const {
  for (const data::Source& trained : sources("train")) {
    for (const data::Source& tested : sources("test")) {
      if (!trained.slice.is_all() && !tested.slice.is_all()) continue;  // parts that a person chose
      for (const data::DataFile& file : tested.files) {
        const bool both = std::any_of(trained.files.begin(), trained.files.end(),
                                      [&](const auto& other) { return other.path == file.path; });
        if (both) return file.name;
      }
    }
  }
  return "";
}

std::string NamedData::shown(const std::string& split) const {
  std::vector<std::string> files;
  for (const data::Source& source : sources(split)) {
    for (const data::DataFile& file : source.files) files.push_back(file.name);
  }
  if (files.size() == 1) {
    // Of a file that is divided, the part that validates says so.
    const bool named = std::any_of(places_.begin(), places_.end(), [&](const Place& place) {
      return place.name.splits.count(split) > 0;
    });
    const bool may_be_part = split == "valid" && (named || valid_split_ > 0);
    const bool part = may_be_part && shown("train") == files.front();
    return files.front() + (part ? " (valid)" : "");
  }
  if (files.empty()) return split;
  const Place& place = places_.front();
  const fs::path name = places_.size() == 1 ? place.shown / place.prefix / split : fs::path(split);
  return fmt::format("{} ({} files)", name.string(), files.size());
}

data::Dataset NamedData::load(const std::string& split, const LoadedModel& loaded,
                              data::RenderOptions options, FrontEnd& front_end) const {
  const std::vector<data::Source> all = sources(split);
  if (!all.empty()) {
    return load_sources(all, shown(split), loaded, options, front_end,
                        {.folder = data::token_folder(runtime_->hub())});
  }
  const Place& place = places_.front();
  if (places_.size() == 1 && !is_there(place.path)) {
    fail(
        "there is no {}: data are a folder with train.jsonl, valid.jsonl and test.jsonl, a file, "
        "or a data set of the Hub",
        place.path.string());
  }
  fail("{}: there is no {}.jsonl, nor another file of this split", place.shown.string(), split);
}

std::vector<std::string> NamedData::hub_names() const {
  std::vector<std::string> names;
  for (const Place& place : places_) {
    if (!place.hub_name.empty()) names.push_back(place.hub_name);
  }
  return names;
}

}  // namespace graft::engine
