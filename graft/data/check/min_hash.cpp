#include "graft/data/check/min_hash.h"

#include <algorithm>

#include "graft/base/hash.h"

namespace graft::data::check {
namespace {

constexpr size_t kHashes = kBands * kRows;

// Each orders the numbers of 32 bits in another way: x -> factor * x + summand, the factor odd.
struct Orders {
  std::array<uint32_t, kHashes> factors, summands;
};

const Orders& orders() {
  static const Orders all = [] {
    Orders made{};
    for (size_t i = 0; i < kHashes; ++i) {
      made.factors[i] = static_cast<uint32_t>(split_mix(2 * i) >> 32) | 1;
      made.summands[i] = static_cast<uint32_t>(split_mix(2 * i + 1) >> 32);
    }
    return made;
  }();
  return all;
}

}  // namespace

Bands bands_of(std::span<const uint32_t> set) {
  const Orders& by = orders();
  std::array<uint32_t, kHashes> smallest;
  smallest.fill(UINT32_MAX);
  for (const uint32_t x : set) {
    for (size_t i = 0; i < kHashes; ++i) {
      smallest[i] = std::min(smallest[i], by.factors[i] * x + by.summands[i]);
    }
  }
  Bands bands;
  for (size_t band = 0; band < kBands; ++band) {
    uint64_t hash = band;
    for (size_t row = 0; row < kRows; ++row) hash = split_mix(hash ^ smallest[band * kRows + row]);
    bands[band] = static_cast<uint32_t>(hash >> 32);
  }
  return bands;
}

}  // namespace graft::data::check
