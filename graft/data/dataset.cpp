#include "graft/data/dataset.h"

#include <fmt/format.h>

#include "graft/base/hash.h"

namespace graft::data {

void RecordCounts::add(const Encoded& encoded, const std::string& place) {
  constexpr size_t kPlaces = 5;
  ++records;
  if (encoded.has_unwritten_calls && unwritten_calls++ == 0) unwritten_place = place;
  switch (encoded.fate) {
    case Fate::whole:
      break;
    case Fate::truncated:
      ++truncated;
      break;
    case Fate::split:
      ++split;
      break;
    case Fate::dropped:
      ++dropped;
      break;
    case Fate::too_short:
      ++too_short;
      break;
    case Fate::untrained:
      ++untrained;
      if (untrained_places.size() < kPlaces) untrained_places.push_back(place);
      break;
  }
}

std::string Dataset::file_of(size_t example) const {
  const uint32_t file = examples[example].file;
  return file < files.size() ? files[file] : name;
}

std::string Dataset::place_of(size_t example) const {
  return fmt::format("{}:{}", file_of(example), examples[example].line);
}

std::string fingerprint(const Dataset& set) {
  uint64_t hash = set.examples.totals().hash;
  for (const SourceShare& share : set.shares) {
    hash = fnv1a(fmt::format("{}-{}:{} ", share.begin, share.end, share.weight), hash);
  }
  return fmt::format("{:016x}", hash);
}

}  // namespace graft::data
