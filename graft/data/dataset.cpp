#include "graft/data/dataset.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "graft/base/error.h"
#include "graft/base/log.h"
#include "graft/data/parquet.h"
#include "graft/data/splits.h"

namespace graft::data {
namespace {

using nlohmann::json;

std::string text_of(std::string_view line, const fs::path& path, int64_t number) {
  auto where = [&] { return fmt::format("{}:{}", path.string(), number); };
  json object;
  try {
    object = json::parse(line);
  } catch (const json::parse_error& error) {
    bool utf8 = std::string_view(error.what()).find("UTF-8") != std::string_view::npos;
    fail("{}: not {} (near byte {} of the line)", where(), utf8 ? "valid UTF-8" : "JSON",
         error.byte);
  }
  if (!object.is_object()) fail("{}: a JSON object with a \"text\" is expected", where());
  auto text = object.find("text");
  if (text == object.end()) fail("{}: no \"text\" among its keys", where());
  if (!text->is_string()) fail("{}: \"text\" is not a string but {}", where(), text->type_name());
  return text->get<std::string>();
}

using Texts = std::vector<std::pair<int64_t, std::string>>;

std::vector<std::string> files_of_split(const fs::path& folder, const std::string& split) {
  const std::string usual = split + ".jsonl";
  if (is_there(folder / usual)) return {usual};
  return split_files(files_below(folder), split);
}

Texts read_file(const fs::path& path) {
  return path.extension() == ".parquet" ? read_parquet_texts(path, "text") : read_jsonl_texts(path);
}

// The texts of a split's files one after the other; `path` becomes what the split is called.
Texts read_split(const fs::path& folder, const std::string& split, fs::path& path) {
  const std::vector<std::string> files = files_of_split(folder, split);
  if (files.size() < 2) {
    path = folder / (files.empty() ? split + ".jsonl" : files.front());
    return read_file(path);
  }
  path = folder / fmt::format("{} ({} files)", split, files.size());
  Texts all;
  for (const std::string& file : files) {
    const int64_t before = all.empty() ? 0 : all.back().first;
    for (auto& [line, text] : read_file(folder / file)) {
      all.emplace_back(before + line, std::move(text));
    }
  }
  return all;
}

}  // namespace

int64_t Dataset::tokens() const {
  int64_t count = 0;
  for (const auto& example : examples) count += static_cast<int64_t>(example.size());
  return count;
}

int64_t Dataset::longest() const {
  size_t most = 0;
  for (const auto& example : examples) most = std::max(most, example.size());
  return static_cast<int64_t>(most);
}

std::vector<std::pair<int64_t, std::string>> read_jsonl_texts(const fs::path& path) {
  if (!fs::exists(path)) {
    fail(
        "there is no {}: a data folder holds train.jsonl, valid.jsonl and test.jsonl, each line "
        "{{\"text\": ...}}",
        path.string());
  }
  MappedFile file(path);
  std::string_view rest = file.text();
  if (rest.starts_with("\xEF\xBB\xBF")) rest.remove_prefix(3);  // a byte order mark
  std::vector<std::pair<int64_t, std::string>> texts;
  for (int64_t number = 1; !rest.empty(); ++number) {
    size_t end = std::min(rest.find('\n'), rest.size());
    std::string_view line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.find_first_not_of(" \t\r") == std::string_view::npos) continue;
    texts.emplace_back(number, text_of(line, path, number));
  }
  if (texts.empty()) fail("{} holds no examples", path.string());
  return texts;
}

bool has_split(const fs::path& folder, const std::string& split) {
  return !files_of_split(folder, split).empty();
}

Dataset load_dataset(const fs::path& folder, const std::string& split, const Tokenizer& tokenizer,
                     const DatasetOptions& options) {
  Dataset dataset;
  auto lines = read_split(folder, split, dataset.path);
  std::vector<std::string> texts;
  texts.reserve(lines.size());
  for (auto& [number, text] : lines) texts.push_back(std::move(text));
  std::vector<std::vector<int32_t>> encoded = tokenizer.encode_batch(texts);
  if (options.add_eos && !tokenizer.eos_id()) {
    fail(
        "the tokenizer's tokenizer_config.json names no eos_token to end examples with: give "
        "--add-eos-token 0");
  }
  const auto most = static_cast<size_t>(options.max_seq_length);
  for (size_t i = 0; i < encoded.size(); ++i) {
    std::vector<int32_t>& ids = encoded[i];
    if (options.add_eos && (ids.empty() || ids.back() != *tokenizer.eos_id())) {
      ids.push_back(*tokenizer.eos_id());
    }
    if (ids.size() > most) {
      ids.resize(most);
      ++dataset.truncated;
    }
    for (int32_t id : ids) {
      if (id < options.vocab_size) continue;
      fail("{}:{}: the tokenizer gives token {} ({}), but the model has {} words",
           dataset.path.string(), lines[i].first, id, tokenizer.decode({&id, 1}),
           options.vocab_size);
    }
    if (ids.size() < 2) {
      ++dataset.too_short;
      continue;
    }
    dataset.lines.push_back(lines[i].first);
    dataset.examples.push_back(std::move(ids));
  }
  if (dataset.examples.empty()) {
    fail("{} holds no example of at least 2 tokens", dataset.path.string());
  }
  if (dataset.truncated > 0) {
    warn("{}: {} of {} examples are longer than --max-seq-length {} and are cut to it",
         dataset.path.string(), dataset.truncated, encoded.size(), options.max_seq_length);
  }
  if (dataset.too_short > 0) {
    warn("{}: {} of {} examples have fewer than 2 tokens and are left out", dataset.path.string(),
         dataset.too_short, encoded.size());
  }
  return dataset;
}

}  // namespace graft::data
