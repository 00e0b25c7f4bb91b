#include "cli/sweep_folder.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/report/growing_file.h"
#include "graft/report/run_facts.h"
#include "graft/training/checkpoint.h"

namespace graft::cli {
namespace {

constexpr const char* kFile = "sweep.json";
constexpr size_t kMostBytes = size_t{1} << 24;

std::string or_none(const std::map<std::string, std::string>& settings, const std::string& name) {
  const auto found = settings.find(name);
  return found == settings.end() || found->second.empty() ? "not given" : found->second;
}

// "batch_size is 8, not 4"
std::vector<std::string> differences(const std::map<std::string, std::string>& stored,
                                     const std::map<std::string, std::string>& given) {
  std::set<std::string> names;
  for (const auto& [name, value] : stored) names.insert(name);
  for (const auto& [name, value] : given) names.insert(name);
  std::vector<std::string> found;
  for (const std::string& name : names) {
    const std::string before = or_none(stored, name), now = or_none(given, name);
    if (before != now) found.push_back(fmt::format("{} is {}, not {}", name, now, before));
  }
  return found;
}

}  // namespace

SweepFolder::SweepFolder(fs::path path, std::map<std::string, std::string> settings,
                         std::set<std::string> varied)
    : path_(std::move(path)), settings_(std::move(settings)), varied_(std::move(varied)) {
  if (is_there(path_ / kFile) && begun()) {
    read();
    return;
  }
  if (!is_there(path_ / kFile) && !entries_of(path_).empty()) {
    fail("{} is no folder of a sweep: it has no {}; name another", path_.string(), kFile);
  }
  std::error_code error;
  fs::create_directories(path_, error);
  if (error) fail("cannot create {}: {}", path_.string(), error.message());
  write();
}

// Whether something was trained: if not, because the model was not found, say, the folder is free.
bool SweepFolder::begun() const {
  const std::vector<fs::path> entries = entries_of(path_);
  return std::any_of(entries.begin(), entries.end(), [this](const fs::path& path) {
    return is_there(records(path.filename().string()).path);
  });
}

void SweepFolder::read() {
  const std::string file = (path_ / kFile).string();
  std::map<std::string, std::string> settings;
  std::set<std::string> varied;
  try {
    const json object = io::parse_json(read_text(path_ / kFile, kMostBytes), file);
    object.at("settings").get_to(settings);
    object.at("varied").get_to(varied);
    object.at("diverged").get_to(diverged_);
  } catch (const json::exception& error) {
    fail("{} does not say what sweep it is of: {}", file, error.what());
  }
  if (varied != varied_) {
    fail_usage("{} is of another sweep, which varies {}, not {}", path_.string(),
               fmt::join(varied, ", "), fmt::join(varied_, ", "));
  }
  const auto others = differences(settings, settings_);
  if (!others.empty()) {
    fail_usage("{} is of another sweep: {}", path_.string(), fmt::join(others, "; "));
  }
}

void SweepFolder::write() const {
  const ordered_json object = {
      {"version", 1}, {"settings", settings_}, {"varied", varied_}, {"diverged", diverged_}};
  write_text(path_ / kFile,
             object.dump(2, ' ', false, ordered_json::error_handler_t::replace) + "\n");
}

bool SweepFolder::finished(const std::string& name) const {
  const fs::path facts = records(name).facts();
  return is_there(facts) && is_there(adapter(name)) &&
         report::read_facts(facts).status == report::RunStatus::finished;
}

bool SweepFolder::resumable(const std::string& name) const {
  try {
    training::Checkpoints::find(adapter(name), *silent_front_end());
    return true;
  } catch (const Error&) {
    return false;
  }
}

std::optional<std::string> SweepFolder::diverged(const std::string& name) const {
  const auto found = diverged_.find(name);
  return found == diverged_.end() ? std::nullopt : std::optional(found->second);
}

void SweepFolder::make(const std::string& name) const { report::make_folder(path_ / name); }

void SweepFolder::set_diverged(const std::string& name, const std::string& why) {
  diverged_[name] = why;
  write();
}

}  // namespace graft::cli
