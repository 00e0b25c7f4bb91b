#include "graft/nn/dropout.h"

#include <mlx/ops.h>
#include <mlx/random.h>

namespace graft::nn {
namespace {

// Mixes a number into a hash: SplitMix64's step (Steele et al. 2014).
uint64_t mixed(uint64_t hash, uint64_t number) {
  uint64_t z = hash + number + 0x9E3779B97F4A7C15u;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

// FNV-1a.
uint64_t hash_of(std::string_view text) {
  uint64_t hash = 0xCBF29CE484222325u;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3u;
  return hash;
}

}  // namespace

mx::array dropout(const mx::array& x, float share, const DropoutKey& key, std::string_view place) {
  uint64_t hash = mixed(0, key.seed);
  for (const uint64_t number : {key.step, key.batch, hash_of(place)}) hash = mixed(hash, number);
  const mx::array random_key({static_cast<uint32_t>(hash >> 32), static_cast<uint32_t>(hash)},
                             mx::uint32);
  mx::array kept = mx::random::bernoulli(mx::array(1 - share), x.shape(), random_key);
  mx::array scaled = mx::multiply(x, mx::array(1 / (1 - share), x.dtype()));
  return mx::where(kept, scaled, mx::zeros_like(x));
}

}  // namespace graft::nn
