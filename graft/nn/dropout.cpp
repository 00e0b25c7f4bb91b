#include "graft/nn/dropout.h"

#include <mlx/ops.h>

#include "graft/base/hash.h"
#include "graft/ops/dropout.h"

namespace graft::nn {

mx::array dropout(const mx::array& x, float share, const DropoutKey& key, std::string_view place) {
  uint64_t hash = split_mix(key.seed);
  for (const uint64_t number : {key.step, fnv1a(place)}) hash = split_mix(hash + number);
  const mx::array rows = key.rows ? *key.rows : mx::astype(mx::arange(x.shape(0)), mx::uint32);
  return ops::dropout(x, share, hash, rows);
}

}  // namespace graft::nn
