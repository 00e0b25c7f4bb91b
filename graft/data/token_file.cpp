#include "graft/data/token_file.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/hash.h"
#include "graft/base/mapped_file.h"
#include "graft/base/open_file.h"
#include "graft/io/json.h"

namespace graft::data {
namespace {

constexpr std::array<char, 8> kMagic = {'g', 'r', 'a', 'f', 't', 't', 'o', 'k'};
constexpr uint64_t kVersion = 2;  // of the form below
constexpr uint64_t kMostKnown = uint64_t{1} << 31;

// The file is, each part filled up to 8 bytes: ids, runs, entries, a bit for each id, from the
// lowest of each byte, JSON, and this.
struct Footer {
  std::array<char, 8> magic = kMagic;
  uint64_t version = kVersion;
  uint64_t ids = 0, runs = 0, entries = 0, known = 0, json = 0;  // counts; the last one of bytes
  uint64_t checksum = 0;
};

constexpr size_t filled(size_t bytes) { return (bytes + 7) / 8 * 8; }

// Where the parts begin.
struct Places {
  size_t runs, entries, known, json, footer;

  explicit Places(const Footer& f)
      : runs(filled(f.ids * sizeof(int32_t))),
        entries(runs + filled(f.runs * sizeof(WeightRun))),
        known(entries + f.entries * sizeof(ExampleEntry)),
        json(known + filled((f.known + 7) / 8)),
        footer(json + filled(f.json)) {}
};

// Nothing if the parts do not fill the file.
std::optional<Footer> footer_of(std::string_view bytes) {
  Footer f;
  if (bytes.size() < sizeof f) return {};
  std::memcpy(&f, bytes.data() + bytes.size() - sizeof f, sizeof f);
  const size_t most = bytes.size();  // which keeps the sums below from overflow
  const bool sane = f.ids <= most / sizeof(int32_t) && f.runs <= most / sizeof(WeightRun) &&
                    f.entries <= most / sizeof(ExampleEntry) && f.known <= kMostKnown &&
                    f.json <= most;
  if (!sane || Places(f).footer + sizeof f != bytes.size()) return {};
  return f;
}

// Of whole words.
uint64_t hash_words(std::string_view bytes, uint64_t state) {
  for (size_t at = 0; at + 8 <= bytes.size(); at += 8) {
    uint64_t word;
    std::memcpy(&word, bytes.data() + at, 8);
    state = split_mix(state ^ word);
  }
  return state;
}

template <class Value>
std::span<const Value> part(std::string_view bytes, size_t begin, size_t count) {
  return {reinterpret_cast<const Value*>(bytes.data() + begin), count};
}

std::string packed(const std::vector<bool>& bits) {
  std::string bytes((bits.size() + 7) / 8, '\0');
  for (size_t i = 0; i < bits.size(); ++i) {
    if (bits[i]) bytes[i / 8] = static_cast<char>(bytes[i / 8] | (1 << (i % 8)));
  }
  return bytes;
}

std::vector<bool> unpacked_bits(std::string_view bytes, size_t count) {
  std::vector<bool> bits(count);
  for (size_t i = 0; i < count; ++i) bits[i] = (bytes[i / 8] >> (i % 8) & 1) != 0;
  return bits;
}

json to_json(const Dataset& set) {
  const Totals& totals = set.examples.totals();
  const RecordCounts& c = set.counts;
  json shares = json::array();
  for (const SourceShare& share : set.shares) {
    shares.push_back({share.begin, share.end, share.weight});
  }
  return {
      {"totals", {totals.tokens, totals.longest, totals.trained, totals.hash}},
      {"files", set.files},
      {"shares", std::move(shares)},
      {"counts",
       {c.records, c.truncated, c.split, c.dropped, c.too_short, c.untrained, c.unwritten_calls}},
      {"untrained_places", c.untrained_places},
      {"unwritten_place", c.unwritten_place},
      {"described", set.described}};
}

// All but examples.
void read_json(const json& from, Dataset& set, Totals& totals) {
  const auto& sums = from.at("totals");
  totals.tokens = sums.at(0).get<int64_t>();
  totals.longest = sums.at(1).get<int64_t>();
  totals.trained = sums.at(2).get<int64_t>();
  totals.hash = sums.at(3).get<uint64_t>();
  set.files = from.at("files").get<std::vector<std::string>>();
  for (const json& share : from.at("shares")) {
    set.shares.push_back(
        {share.at(0).get<size_t>(), share.at(1).get<size_t>(), share.at(2).get<double>()});
  }
  const auto& counts = from.at("counts");
  RecordCounts& c = set.counts;
  int64_t* const all[] = {&c.records,   &c.truncated, &c.split,          &c.dropped,
                          &c.too_short, &c.untrained, &c.unwritten_calls};
  for (size_t i = 0; i < std::size(all); ++i) *all[i] = counts.at(i).get<int64_t>();
  c.untrained_places = from.at("untrained_places").get<std::vector<std::string>>();
  c.unwritten_place = from.at("unwritten_place").get<std::string>();
  set.described = from.at("described").get<std::string>();
}

bool is_whole(const Dataset& set, const Footer& footer, const ExampleArrays& arrays) {
  const Totals& totals = set.examples.totals();
  const auto tokens = static_cast<int64_t>(footer.ids);
  const ExampleEntry& last = arrays.entries.back();
  if (last.ids_end != footer.ids || last.runs_end != footer.runs || totals.tokens != tokens ||
      totals.longest < 2 || totals.longest > tokens || totals.trained < 0 ||
      totals.trained > tokens) {
    return false;
  }
  for (const ExampleEntry& entry : arrays.entries) {
    if (entry.file >= set.files.size()) return false;
  }
  for (const WeightRun& run : arrays.runs) {
    if (!std::isfinite(run.weight)) return false;
  }
  size_t begin = 0;
  for (const SourceShare& share : set.shares) {
    if (share.begin < begin || share.end <= share.begin || share.end > footer.entries ||
        !(share.weight > 0) || !std::isfinite(share.weight)) {
      return false;
    }
    begin = share.end;
  }
  return true;
}

}  // namespace

uint64_t token_file_checksum(std::string_view bytes) {
  const auto footer = footer_of(bytes);
  if (!footer) return 0;
  const size_t begin = Places(*footer).runs;
  return hash_words(bytes.substr(begin, bytes.size() - begin - sizeof(uint64_t)), kVersion);
}

Dataset read_token_file(std::string_view bytes, std::shared_ptr<const void> owner) {
  const auto footer = footer_of(bytes);
  if (!footer || footer->magic != kMagic) fail("it is no whole file of tokens");
  if (footer->version != kVersion) {
    fail("it is of version {}, not {}", footer->version, kVersion);
  }
  if (footer->checksum != token_file_checksum(bytes)) fail("its checksum is another one");
  const Places at(*footer);
  const ExampleArrays arrays{part<int32_t>(bytes, 0, footer->ids),
                             part<WeightRun>(bytes, at.runs, footer->runs),
                             part<ExampleEntry>(bytes, at.entries, footer->entries)};
  if (arrays.entries.empty()) fail("it holds no example");
  Dataset set;
  Totals totals;
  try {
    read_json(io::parse_json(bytes.substr(at.json, footer->json), "its description"), set, totals);
  } catch (const json::exception&) {
    fail("its description lacks something");
  }
  totals.ids = unpacked_bits(bytes.substr(at.known), footer->known);
  set.examples = Examples(arrays, std::move(totals), std::move(owner));
  if (!is_whole(set, *footer, arrays)) fail("its parts do not fit together");
  return set;
}

void Spill::write(const void* data, size_t size) {
  const char* bytes = static_cast<const char*>(data);
  for (size_t left = size; left > 0;) {
    const ssize_t count =
        ::pwrite(file_.descriptor(), bytes, left, static_cast<off_t>(size_ + size - left));
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail("cannot write {}: {}", shown_path(file_.path()), std::strerror(errno));
    bytes += count;
    left -= static_cast<size_t>(count);
  }
  size_ += size;
}

TokenFileWriter::TokenFileWriter(fs::path path)
    : path_(std::move(path)), ids_(path_), runs_(path_), entries_(path_) {}

void TokenFileWriter::append(Examples& examples) {
  const ExampleArrays arrays = examples.arrays();
  std::vector<ExampleEntry> entries(arrays.entries.begin(), arrays.entries.end());
  for (ExampleEntry& entry : entries) {
    entry.ids_end += id_count_;
    entry.runs_end += run_count_;
  }
  ids_.write(arrays.ids.data(), arrays.ids.size_bytes());
  runs_.write(arrays.runs.data(), arrays.runs.size_bytes());
  entries_.write(entries.data(), entries.size() * sizeof(ExampleEntry));
  id_count_ += arrays.ids.size();
  run_count_ += arrays.runs.size();
  count_ += entries.size();
  examples.forget();
}

void TokenFileWriter::take_back(Examples& examples) {
  if (count_ == 0) return;
  const MappedFile ids(ids_.file().path()), runs(runs_.file().path()),
      entries(entries_.file().path());
  examples.recall({part<int32_t>(ids.text(), 0, id_count_),
                   part<WeightRun>(runs.text(), 0, run_count_),
                   part<ExampleEntry>(entries.text(), 0, count_)});
  count_ = id_count_ = run_count_ = 0;
}

uint64_t TokenFileWriter::finish(Dataset& set) {
  Footer footer{.ids = id_count_,
                .runs = run_count_,
                .entries = count_,
                .known = set.examples.totals().ids.size()};
  uint64_t checksum = kVersion;
  const auto write = [&](std::string_view bytes) {
    std::string rest(filled(bytes.size()) - bytes.size(), '\0');
    const std::string_view whole = bytes.substr(0, bytes.size() / 8 * 8);
    rest.insert(0, bytes.substr(whole.size()));
    checksum = hash_words(rest, hash_words(whole, checksum));
    ids_.write(bytes.data(), whole.size());
    ids_.write(rest.data(), rest.size());
  };
  const uint64_t nothing = 0;
  ids_.write(&nothing, filled(ids_.size()) - ids_.size());
  for (Spill* spill : {&runs_, &entries_}) {
    if (spill->size() > 0) write(MappedFile(spill->file().path()).text());
  }
  write(packed(set.examples.totals().ids));
  const std::string text = to_json(set).dump(-1, ' ', false, json::error_handler_t::replace);
  footer.json = text.size();
  write(text);
  write({reinterpret_cast<const char*>(&footer), sizeof footer - sizeof footer.checksum});
  ids_.write(&checksum, sizeof checksum);
  Temporary& file = ids_.file();
  auto mapped = std::make_shared<const MappedFile>(file.path());
  Dataset whole = read_token_file(mapped->text(), mapped);
  if (::fsync(file.descriptor()) != 0 || ::rename(file.path().c_str(), path_.c_str()) != 0) {
    fail("cannot write {}: {}", path_.string(), std::strerror(errno));
  }
  file.give_away();
  sync_folder(path_.parent_path());
  set.examples = std::move(whole.examples);
  return checksum;
}

}  // namespace graft::data
