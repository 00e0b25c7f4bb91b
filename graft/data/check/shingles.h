#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "graft/data/check/record_view.h"

namespace graft::data::check {

/// Words of a shingle: "the cat sat" and "cat sat on" are two.
inline constexpr size_t kShingleWords = 3;

/// Hashes of the shingles of a record, sorted, each once: three words in a row within a text, of
/// letters, marks and digits in lower case. A sign of Chinese or Japanese is a word; a shorter text
/// is one shingle. What systems say and what tools there are does not count, since many records
/// have it alike.
std::vector<uint32_t> shingles_of(const RecordView& view);

/// What two of them have in common, of all that they have: |A n B| / |A u B|; 0 of nothing.
double jaccard(std::span<const uint32_t> a, std::span<const uint32_t> b);

}  // namespace graft::data::check
