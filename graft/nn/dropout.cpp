#include "graft/nn/dropout.h"

#include <mlx/ops.h>
#include <mlx/random.h>

#include "graft/base/hash.h"

namespace graft::nn {

mx::array dropout(const mx::array& x, float share, const DropoutKey& key, std::string_view place) {
  uint64_t hash = split_mix(key.seed);
  for (const uint64_t number : {key.step, key.batch, fnv1a(place)}) hash = split_mix(hash + number);
  const mx::array random_key({static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(hash)},
                             mx::uint32);
  mx::array kept = mx::random::bernoulli(mx::array(1 - share), x.shape(), random_key);
  mx::array scaled = mx::multiply(x, mx::array(1 / (1 - share), x.dtype()));
  return mx::where(kept, scaled, mx::zeros_like(x));
}

}  // namespace graft::nn
