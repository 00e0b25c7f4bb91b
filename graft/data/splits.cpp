#include "graft/data/splits.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cctype>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "graft/base/error.h"

namespace graft::data {
namespace {

// The words of the package `datasets` (its `data_files.py`).
const std::map<std::string, std::string>& split_words() {
  static const std::map<std::string, std::string> words = {
      {"train", "train"}, {"training", "train"},  {"validation", "valid"}, {"valid", "valid"},
      {"dev", "valid"},   {"val", "valid"},       {"test", "test"},        {"testing", "test"},
      {"eval", "test"},   {"evaluation", "test"},
  };
  return words;
}

// In the order in which they are looked for.
const std::vector<std::string>& kinds() {
  static const std::vector<std::string> all = {".jsonl",   ".ndjson", ".json",
                                               ".parquet", ".csv",    ".tsv"};
  return all;
}

bool is_of_kind(std::string name, const std::string& kind) {
  for (const char* packed : {".gz", ".zst"}) {
    if (name.ends_with(packed)) name.resize(name.size() - std::string_view(packed).size());
  }
  return name.ends_with(kind);
}

// Whether a file is called as a split that has a name of its own, or is a shard of one.
bool is_called(const std::string& path, const std::string& split) {
  const std::string name = path.substr(path.rfind('/') + 1);
  return name.starts_with(split + ".") || name.starts_with(split + "-");
}

// The split that a name stands for, by its first word that names one.
std::optional<std::string> split_in(const std::string& name) {
  std::string word;
  for (const char c : name + ".") {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      continue;
    }
    const auto found = split_words().find(word);
    if (found != split_words().end()) return found->second;
    word.clear();
  }
  return std::nullopt;
}

// The split that the file's own name gives, or else the innermost folder that names one.
std::optional<std::string> split_of(std::string path) {
  while (!path.empty()) {
    const size_t slash = path.rfind('/');
    const size_t begin = slash == std::string::npos ? 0 : slash + 1;
    if (auto split = split_in(path.substr(begin))) return split;
    path.resize(begin == 0 ? 0 : begin - 1);
  }
  return std::nullopt;
}

std::string folder_of(const std::string& name) {
  const size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

// Of "d/train-00000-of-00003.parquet": "d/train", 3 and 0.
struct Shard {
  std::string series;
  unsigned long count, number;
};

std::optional<Shard> shard_of(const std::string& file) {
  constexpr size_t kMostDigits = 9;
  constexpr std::string_view kOf = "-of-", kDigits = "0123456789";
  const size_t name = file.rfind('/') + 1;  // 0 without a slash
  for (size_t of = file.rfind(kOf); of != std::string::npos && of > name;
       of = file.rfind(kOf, of - 1)) {
    const size_t count = of + kOf.size();
    const size_t end = std::min(file.find_first_not_of(kDigits, count), file.size());
    const size_t dash = file.find_last_not_of(kDigits, of - 1);
    const bool numbered = dash != std::string::npos && dash >= name && file[dash] == '-' &&
                          dash + 1 < of && of - dash - 1 <= kMostDigits;
    if (!numbered || end == count || end - count > kMostDigits) continue;
    return Shard{file.substr(0, dash), std::stoul(file.substr(count, end - count)),
                 std::stoul(file.substr(dash + 1, of - dash - 1))};
  }
  return {};
}

// Of "train-00000-of-00003" there must be three, and no other series beside them.
void check_shards(const std::string& split, const std::vector<std::string>& files) {
  std::map<std::pair<std::string, unsigned long>, std::vector<unsigned long>> series;
  for (const std::string& file : files) {
    if (const auto shard = shard_of(file)) {
      series[{shard->series, shard->count}].push_back(shard->number);
    }
  }
  if (series.size() > 1) {
    const auto &one = series.begin()->first, &other = std::next(series.begin())->first;
    const std::string two =
        one.first == other.first
            ? fmt::format("{} of {} and of {} files", one.first, one.second, other.second)
            : fmt::format("{} and {}", one.first, other.first);
    fail("the split {} is {}: make a folder of the one that is meant", split, two);
  }
  for (auto& [name, numbers] : series) {
    std::sort(numbers.begin(), numbers.end());
    bool whole = numbers.size() == name.second;
    for (size_t i = 0; i < numbers.size(); ++i) whole = whole && numbers[i] == i;
    if (!whole) {
      fail("{}: there are {} of {} such files", name.first, numbers.size(), name.second);
    }
  }
}

}  // namespace

std::optional<std::string> split_named(const std::string& word) {
  const auto found = split_words().find(word);
  return found == split_words().end() ? std::nullopt : std::optional(found->second);
}

std::vector<std::string> split_files(const std::vector<std::string>& names,
                                     const std::string& split) {
  const std::string own = split + ".jsonl";
  if (std::find(names.begin(), names.end(), own) != names.end()) return {own};
  const bool usual = split_named(split) == split;
  for (const std::string& kind : kinds()) {
    std::vector<std::string> files;
    std::set<std::string> folders;
    for (const std::string& name : names) {
      const bool is_its = usual ? split_of(name) == split : is_called(name, split);
      if (!is_of_kind(name, kind) || !is_its) continue;
      files.push_back(name);
      folders.insert(folder_of(name));
    }
    if (files.empty()) continue;
    if (folders.size() > 1) {
      fail(
          "the split {} lies in several folders ({}): name the data set with one of them behind it",
          split, fmt::join(folders, ", "));
    }
    std::sort(files.begin(), files.end());
    check_shards(split, files);
    return files;
  }
  return {};
}

}  // namespace graft::data
