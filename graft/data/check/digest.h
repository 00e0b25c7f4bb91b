#pragma once

#include <cstdint>
#include <string_view>

#include "graft/data/check/record_view.h"

namespace graft::data::check {

/// Hashes by which records are compared. Texts count without the white space around them, and with
/// one space for a run of it. 0: there is nothing to compare. Of a million records two others have
/// the same hash with a probability of 1 to 40 million.
struct Digest {
  uint64_t content = 0;  // of all of it
  uint64_t prompt = 0;   // of what has one right answer
  uint64_t answer = 0;   // of that
};

Digest digest_of(const RecordView& view);

/// The hash of a text in that form.
uint64_t hash_of(std::string_view text, uint64_t state);

}  // namespace graft::data::check
