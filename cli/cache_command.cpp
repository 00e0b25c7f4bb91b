#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <ctime>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/output.h"
#include "graft/base/error.h"
#include "graft/data/cached_tokens.h"
#include "graft/hub/cached_files.h"
#include "graft/hub/cached_repositories.h"
#include "graft/hub/progress.h"
#include "graft/trunk/cached_trunks.h"

namespace graft::cli {
namespace {

struct CacheCommand {
  std::optional<std::string> kind;  // all, if none is given
  std::vector<std::string> remove;
  bool yes = false;
};

std::string revisions_text(const hub::CachedSummary& repository) {
  std::vector<std::string> all;
  for (const auto& revision : repository.revisions) {
    const std::string commit = revision.commit.substr(0, 8);
    all.push_back(revision.refs.empty()
                      ? commit
                      : fmt::format("{} ({})", fmt::join(revision.refs, ", "), commit));
  }
  return all.empty() ? "nothing whole" : fmt::format("{}", fmt::join(all, ", "));
}

std::string date_text(std::time_t time) {
  if (time == 0) return "-";
  std::tm parts{};
  ::localtime_r(&time, &parts);
  return fmt::format("{:%Y-%m-%d}", parts);
}

std::string total_text(const hub::CachedSummary& repository) {
  std::string text = repository.bytes > 0 ? hub::size_text(repository.bytes) : "-";
  if (repository.unfinished > 0) {
    text += fmt::format(" and {} unfinished", hub::size_text(repository.unfinished));
  }
  return text;
}

FrontEnd& say(const hub::Environment& environment) { return *environment.front_end; }

std::string total_text(const hub::CachedFiles& files) { return hub::size_text(files.bytes); }

// Rows of four columns, the first of which names them.
void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(3, 0);
  for (const auto& row : rows) {
    for (size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    print_out("{:<{}}  {:<{}}  {:<{}}  {}\n", row[0], widths[0], row[1], widths[1], row[2],
              widths[2], row[3]);
  }
}

// What graft keeps of one kind, and where.
struct Kept {
  const char *heading, *of;  // of a list's columns
  fs::path folder;
  std::vector<hub::CachedFiles> files;
};

// What can be listed and deleted.
struct Cached {
  std::vector<hub::CachedSummary> repositories = {};
  std::vector<Kept> kept = {};

  size_t size() const {
    size_t count = repositories.size();
    for (const Kept& kind : kept) count += kind.files.size();
    return count;
  }
};

void list_repositories(const hub::Environment& environment, const Cached& all) {
  std::vector<std::vector<std::string>> rows = {{"Repository", "Size", "Last use", "Revisions"}};
  uint64_t bytes = 0;
  for (const hub::CachedSummary& one : all.repositories) {
    rows.push_back({one.name, total_text(one), date_text(one.last_use), revisions_text(one)});
    bytes += one.bytes + one.unfinished;
  }
  print_table(rows);
  say(environment).note("{} in {}", hub::size_text(bytes), environment.cache.string());
}

void list_kept(const hub::Environment& environment, const Kept& kind) {
  std::vector<std::vector<std::string>> rows = {{kind.heading, "Size", "Last use", kind.of}};
  uint64_t bytes = 0;
  for (const hub::CachedFiles& one : kind.files) {
    rows.push_back({one.name, total_text(one), date_text(one.last_use),
                    one.of.empty() ? "nothing whole" : one.of});
    bytes += one.bytes;
  }
  print_table(rows);
  say(environment).note("{} in {}", hub::size_text(bytes), kind.folder.string());
}

void list(const hub::Environment& environment, const Cached& all) {
  if (all.size() == 0) say(environment).note("There is nothing in {}", environment.cache.string());
  if (!all.repositories.empty()) list_repositories(environment, all);
  for (const Kept& kind : all.kept) {
    if (!kind.files.empty()) list_kept(environment, kind);
  }
}

bool agreed(const hub::Environment& environment, const Cached& chosen) {
  const auto name = [&](const auto& one) {
    say(environment).note("{}  {}", one.name, total_text(one));
  };
  std::for_each(chosen.repositories.begin(), chosen.repositories.end(), name);
  for (const Kept& kind : chosen.kept) std::for_each(kind.files.begin(), kind.files.end(), name);
  if (isatty(STDIN_FILENO) == 0)
    fail_usage("--delete asks before it deletes; without a terminal give --yes");
  print_error("Delete {} from the cache? [y/N] ", chosen.size() == 1 ? "it" : "them");
  std::string answer;
  std::getline(std::cin, answer);
  return answer == "y" || answer == "Y" || answer == "yes";
}

// Adds those of this name to `chosen`, once; false if there is none. Of what is named by a hash's
// first digits there may be two: both are then asked about.
template <class One>
bool choose(const std::vector<One>& all, const std::string& name, std::vector<One>& chosen) {
  const auto has_name = [&](const One& one) { return one.name == name; };
  if (std::none_of(all.begin(), all.end(), has_name)) return false;
  if (std::none_of(chosen.begin(), chosen.end(), has_name)) {
    std::copy_if(all.begin(), all.end(), std::back_inserter(chosen), has_name);
  }
  return true;
}

void remove(const hub::Environment& environment, const Cached& all, const CacheCommand& o) {
  Cached chosen;
  for (const Kept& kind : all.kept) chosen.kept.push_back({kind.heading, kind.of, kind.folder, {}});
  for (const std::string& name : o.remove) {
    bool found = choose(all.repositories, name, chosen.repositories);
    for (size_t i = 0; i < all.kept.size(); ++i) {
      found = choose(all.kept[i].files, name, chosen.kept[i].files) || found;
    }
    if (!found) {
      fail("{} is not in {}; graft cache lists what is", name, environment.cache.string());
    }
  }
  if (!o.yes && !agreed(environment, chosen)) {
    say(environment).note("Nothing was deleted");
    return;
  }
  for (const hub::CachedSummary& one : chosen.repositories) {
    hub::remove_cached(environment, one);
    say(environment).note("Deleted {}: {}", one.name, total_text(one));
  }
  for (const Kept& kind : chosen.kept) {
    for (const hub::CachedFiles& one : kind.files) {
      hub::remove_cached(one);
      say(environment).note("Deleted {}: {}", one.name, total_text(one));
    }
  }
}

void run(const CacheCommand& o, const hub::Environment& environment) {
  const auto wanted = [&](const char* kind) { return !o.kind || *o.kind == kind; };
  Cached all;
  if (wanted("hub")) all.repositories = hub::cached_repositories(environment);
  if (wanted("tokens")) {
    const fs::path folder = data::token_folder(environment);
    all.kept.push_back({"Tokens", "Data set", folder, data::cached_tokens(folder)});
  }
  if (wanted("trunk")) {
    const fs::path folder = trunk::trunk_folder(environment);
    all.kept.push_back({"Lower layers", "Model", folder, trunk::cached_trunks(folder)});
  }
  if (o.remove.empty()) {
    if (o.yes) fail_usage("--yes goes with --delete");
    list(environment, all);
  } else {
    remove(environment, all, o);
  }
}

}  // namespace

void add_cache_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<CacheCommand>();
  CLI::App* command = app.add_subcommand(
      "cache",
      "List what has been downloaded from the Hub and what is kept beside it, tokens of large data "
      "sets and what the lower layers of models give for examples, or delete some of it");
  command->add_option("kind", o->kind, "hub, tokens or trunk (the layers) [all]")
      ->check(CLI::IsMember({"hub", "tokens", "trunk"}))
      ->option_text("[KIND]");
  command->add_option("--delete", o->remove, "Delete these, as they are listed, after asking");
  command->add_flag("--yes", o->yes, "Do not ask");
  on_run(*command, runtime, [o, &runtime] { run(*o, runtime.hub()); });
}

}  // namespace graft::cli
