#include "graft/data/token_cache.h"

#include <fcntl.h>

#include <memory>
#include <utility>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/data/rows/byte_source.h"
#include "graft/hub/hash.h"
#include "graft/io/json.h"

namespace graft::data {
namespace {

// To be raised when other tokens become of the same data: caches of another number are not read.
constexpr int kMaking = 1;

// A text in a recipe, which ends where its size says.
std::string sized(const std::string& text) { return fmt::format("{}:{} ", text.size(), text); }

std::string sized(const std::optional<std::string>& text) { return text ? sized(*text) : "none "; }

std::string recipe_of(const Source& source) {
  std::string recipe =
      fmt::format("source, hashes {} to {}, ", source.hashes.begin, source.hashes.end);
  const auto bound = [](const std::optional<int64_t>& at) {
    return at ? std::to_string(*at) : std::string("none");
  };
  const RowSlice& slice = source.slice;
  recipe += fmt::format("slice {} to {} percent {}, ", bound(slice.begin), bound(slice.end),
                        slice.in_percent);
  recipe += fmt::format("weight {}, keys ",
                        source.weight ? fmt::format("{}", *source.weight) : std::string("none"));
  const RowKeys& keys = source.keys;
  for (const auto* key : {&keys.text, &keys.prompt, &keys.completion, &keys.messages}) {
    recipe += sized(*key);
  }
  for (const DataFile& file : source.files) {
    recipe += "file " + sized(absolute_path(file.path).string()) + sized(file.name);
  }
  return recipe;
}

}  // namespace

TokenCache::TokenCache(const fs::path& folder, const std::vector<Source>& sources, std::string name,
                       const Encoder& encoder)
    : name_(std::move(name)), vocab_size_(static_cast<size_t>(encoder.options().vocab_size)) {
  std::string recipe = fmt::format("graft {} {}, {}\n", GRAFT_VERSION, kMaking, encoder.recipe());
  for (const Source& source : sources) {
    recipe += recipe_of(source) + "\n";
    files_.insert(files_.end(), source.files.begin(), source.files.end());
  }
  for (const DataFile& file : files_) versions_.push_back({FileVersion::of(file.path)});
  stem_ = (folder / hub::sha256(recipe).substr(0, 32)).string();
}

std::optional<Dataset> TokenCache::find(FrontEnd& front_end) const {
  if (!is_there(note_file())) return {};
  try {
    Note note = read_note();
    bool renewed = false;
    for (size_t i = 0; i < files_.size(); ++i) {
      const FileVersion now = versions_[i].version;
      Contents& noted = note.files[i];
      if (now == noted.version) continue;
      const bool same =
          now.size == noted.version.size && noted.sha256 == content_hash(i, front_end);
      if (!same || !is_unchanged()) return {};
      noted.version = now;
      renewed = true;
    }
    Dataset set = read(note.checksum);
    set.name = name_;
    if (renewed) {
      keep_note(note);
    } else {
      ::utimensat(AT_FDCWD, note_file().c_str(), nullptr, 0);  // its last use
    }
    return set;
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    front_end.note("{}: the tokens that were kept of it are made anew: {}", name_, error.what());
    return {};
  }
}

TokenCache::Note TokenCache::read_note() const {
  constexpr size_t kMostBytes = size_t{64} << 20;
  const json from = io::parse_json(read_text(note_file(), kMostBytes), note_file().string());
  try {
    Note note{from.at("checksum").get<uint64_t>(), {}};
    for (const json& file : from.at("files")) {
      note.files.push_back({{file.at("size").get<uint64_t>(), file.at("time").get<int64_t>(),
                             file.at("number").get<uint64_t>()},
                            file.at("sha256").get<std::string>()});
    }
    if (note.files.size() == files_.size()) return note;
  } catch (const json::exception&) {
  }
  fail("{} is damaged", note_file().string());
}

void TokenCache::write_note(const Note& note) const {
  json files = json::array();
  for (size_t i = 0; i < files_.size(); ++i) {
    const auto& [version, sha256] = note.files[i];
    files.push_back({{"name", files_[i].name},
                     {"size", version.size},
                     {"time", version.time},
                     {"number", version.number},
                     {"sha256", sha256}});
  }
  const json all = {{"data", name_}, {"checksum", note.checksum}, {"files", std::move(files)}};
  write_text(note_file(), all.dump(1, ' ', false, json::error_handler_t::replace));
}

// A note that cannot be renewed is as good as it was.
void TokenCache::keep_note(const Note& note) const {
  try {
    write_note(note);
  } catch (const Error&) {
  }
}

Dataset TokenCache::read(uint64_t checksum) const {
  auto mapped = std::make_shared<const MappedFile>(file());
  try {
    Dataset set = read_token_file(mapped->text(), mapped);
    if (token_file_checksum(mapped->text()) != checksum) fail("it is not the one that was noted");
    if (set.examples.totals().ids.size() > vocab_size_) fail("the model has fewer tokens");
    return set;
  } catch (const Error& error) {
    fail("{}: {}", file().string(), error.what());
  }
}

bool TokenCache::is_unchanged() const {
  for (size_t i = 0; i < files_.size(); ++i) {
    if (FileVersion::of(files_[i].path) != versions_[i].version) return false;
  }
  return true;
}

bool TokenCache::read_contents(FrontEnd& front_end) {
  for (size_t i = 0; i < files_.size(); ++i) versions_[i].sha256 = content_hash(i, front_end);
  return is_unchanged();
}

void TokenCache::note(uint64_t checksum) const { write_note({checksum, versions_}); }

void TokenCache::remove() const {
  std::error_code ignored;
  fs::remove(note_file(), ignored);
  fs::remove(file(), ignored);
}

std::string TokenCache::content_hash(size_t file, FrontEnd& front_end) const {
  const auto bytes = open_file_bytes(files_[file].path, files_[file].name);
  hub::Hash hash(hub::HashKind::sha256, versions_[file].version.size);
  std::string buffer(size_t{1} << 20, '\0');
  for (int64_t blocks = 0;; ++blocks) {
    const size_t count = bytes->read(buffer.data(), buffer.size());
    if (count == 0) break;
    hash.add(buffer.data(), count);
    if (blocks % 64 != 0) continue;
    front_end.progress({{bytes->done(), {files_[file].name, "its contents"}}});
    front_end.check_cancelled();
  }
  front_end.progress({});
  return hash.finish();
}

}  // namespace graft::data
