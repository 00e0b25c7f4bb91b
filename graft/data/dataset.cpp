#include "graft/data/dataset.h"

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/hash.h"
#include "graft/data/record_files.h"
#include "graft/data/splits.h"

namespace graft::data {
namespace {

std::vector<std::string> files_of_split(const fs::path& folder, const std::string& split) {
  const std::string usual = split + ".jsonl";
  if (is_there(folder / usual)) return {usual};
  return split_files(files_below(folder), split);
}

// The records of a split's files, concatenated; sets `path` to the split's name in messages.
std::vector<Record> read_split(const fs::path& folder, const std::string& split, fs::path& path) {
  const std::vector<std::string> files = files_of_split(folder, split);
  if (files.size() < 2) {
    path = folder / (files.empty() ? split + ".jsonl" : files.front());
    return read_records(path);
  }
  path = folder / fmt::format("{} ({} files)", split, files.size());
  std::vector<Record> all;
  for (const std::string& file : files) {
    const int64_t before = all.empty() ? 0 : all.back().line;
    for (Record& record : read_records(folder / file)) {
      record.line += before;
      all.push_back(std::move(record));
    }
  }
  return all;
}

}  // namespace

int64_t Dataset::tokens() const {
  int64_t count = 0;
  for (const Example& example : examples) count += std::ssize(example.ids);
  return count;
}

int64_t Dataset::longest() const {
  size_t most = 0;
  for (const Example& example : examples) most = std::max(most, example.ids.size());
  return static_cast<int64_t>(most);
}

bool has_split(const fs::path& folder, const std::string& split) {
  return !files_of_split(folder, split).empty();
}

Dataset load_dataset(const fs::path& folder, const std::string& split,
                     const tokenizer::Tokenizer& tokenizer, const RenderOptions& options) {
  Dataset set;
  std::vector<Record> records = read_split(folder, split, set.path);
  Rendered rendered = render(std::move(records), set.path.string(), tokenizer, options);
  set.examples = std::move(rendered.examples);
  set.truncated = rendered.truncated;
  set.too_short = rendered.too_short;
  if (set.examples.empty()) {
    fail("{} holds no example of at least 2 tokens", set.path.string());
  }
  return set;
}

std::string fingerprint(const Dataset& set) {
  uint64_t hash = kFnv1aStart;
  const auto add = [&](const void* data, size_t bytes) {
    hash = fnv1a({static_cast<const char*>(data), bytes}, hash);
  };
  for (const Example& example : set.examples) {
    const uint64_t sizes[] = {example.ids.size(), example.weights.size()};
    add(sizes, sizeof sizes);
    add(example.ids.data(), example.ids.size() * sizeof example.ids[0]);
    add(example.weights.data(), example.weights.size() * sizeof(float));
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace graft::data
