#pragma once

#include <cstdint>
#include <memory>
#include <vector>

namespace graft {

/// One example in the flat tokens of a batch. Its queries are rows [query_begin, query_end); the
/// keys that they may see are rows [key_begin, key_end) of k and v. The last query belongs to the
/// last key, so query i of n sees keys j <= key_count - n + i: if there are more keys than queries,
/// the first keys are the past.
struct Sequence {
  int64_t query_begin, query_end;
  int64_t key_begin, key_end;

  int64_t queries() const { return query_end - query_begin; }
  int64_t keys() const { return key_end - key_begin; }
};

/// The examples of a batch, shared by the graph nodes that need them.
using Sequences = std::shared_ptr<const std::vector<Sequence>>;

}  // namespace graft
