#include "graft/data/source.h"

#include <algorithm>
#include <cmath>

#include "graft/base/hash.h"

namespace graft::data {

double hash_place(std::string_view row) {
  return static_cast<double>(split_mix(fnv1a(row)) >> 11) * 0x1p-53;
}

bool HashRange::has(std::string_view row) const {
  if (is_all()) return true;
  const double place = hash_place(row);
  return place >= begin && place < end;
}

std::pair<int64_t, int64_t> RowSlice::of(int64_t rows) const {
  const auto place = [&](int64_t bound) {
    if (in_percent) {
      bound = std::clamp<int64_t>(bound, -100, 100);
      bound = static_cast<int64_t>(
          std::nearbyint(static_cast<double>(bound) * static_cast<double>(rows) / 100));
    }
    return std::clamp<int64_t>(bound < 0 ? bound + rows : bound, 0, rows);
  };
  const int64_t first = begin ? place(*begin) : 0, last = end ? place(*end) : rows;
  return {first, std::max(first, last)};
}

}  // namespace graft::data
