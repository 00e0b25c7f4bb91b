#pragma once

#include <cstddef>
#include <optional>

#include "graft/base/front_end.h"
#include "graft/data/token_cache.h"
#include "graft/data/token_file.h"

namespace graft::data {

struct TokenCacheOptions {
  fs::path folder = {};             // of the caches; empty: none are read or made
  size_t worth = size_t{64} << 20;  // bytes: a set that takes fewer stays in memory
};

/// Moves the examples of a set that grows to a cache, once they are worth it.
class TokenKeeper {
 public:
  /// Without a cache they stay in memory. All must outlive it.
  TokenKeeper(TokenCache* cache, size_t worth, Dataset& set, FrontEnd& front_end);

  /// To be called now and then. Warns if the cache cannot be written: all is in memory then.
  void look();
  /// All examples so far.
  size_t size() const;
  /// The set is whole: puts those that were moved back into it, mapped. Throws Cancelled.
  void finish();

 private:
  void give_up(const Error& why);

  TokenCache* cache_;
  size_t worth_;
  Dataset& set_;
  FrontEnd& front_end_;
  std::optional<TokenFileWriter> writer_;
};

}  // namespace graft::data
