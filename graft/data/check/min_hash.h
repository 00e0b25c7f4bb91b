#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace graft::data::check {

/// Locality-sensitive hashing by MinHash (Broder 1997; Indyk and Motwani 1998): sets whose Jaccard
/// index is s have a band in common with probability 1 - (1 - s^kRows)^kBands, which is 0.9996 for
/// 0.8 and 0.47 for 0.5.
inline constexpr size_t kBands = 20, kRows = 5;
using Bands = std::array<uint32_t, kBands>;

/// Of a set that is not empty.
Bands bands_of(std::span<const uint32_t> set);

}  // namespace graft::data::check
