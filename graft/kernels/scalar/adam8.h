#pragma once

#include <algorithm>
#include <cmath>
#include <vector>

#include "graft/kernels/adam8.h"
#include "graft/kernels/scalar/adam.h"

namespace graft::kernels {

inline void encode_scalar(const DynamicMap& map, const float* x, int64_t count, float& largest,
                          uint8_t* codes) {
  largest = 0;
  for (int64_t i = 0; i < count; ++i) largest = std::max(largest, std::abs(x[i]));
  for (int64_t i = 0; i < count; ++i) {
    const float y = std::clamp(x[i] * (1 / largest), -1.0f, 1.0f);
    codes[i] =
        largest == 0 ? uint8_t{0} : map.codes[static_cast<size_t>((y + 1) * 0.5f * 65535 + 0.5f)];
  }
}

/// adam8_update block by block: what the vector code is tested against.
inline void adam8_update_scalar(const AdamOptions& options, int64_t count, const float* gradient,
                                const float* p, CodedInput m, CodedInput v, float* p_out,
                                CodedOutput m_out, CodedOutput v_out) {
  for (int64_t first = 0; first < count; first += DynamicMap::kBlock) {
    const int64_t block = first / DynamicMap::kBlock;
    const int64_t size = std::min(count - first, DynamicMap::kBlock);
    std::vector<float> plain_m, plain_v;
    for (int64_t i = first; i < first + size; ++i) {
      plain_m.push_back(signed_map().values[m.codes[i]] * m.largest[block]);
      plain_v.push_back(unsigned_map().values[v.codes[i]] * v.largest[block]);
    }
    adam_update_scalar(options, size, gradient + first, p + first, plain_m.data(), plain_v.data(),
                       p_out + first, plain_m.data(), plain_v.data());
    encode_scalar(signed_map(), plain_m.data(), size, m_out.largest[block], m_out.codes + first);
    encode_scalar(unsigned_map(), plain_v.data(), size, v_out.largest[block], v_out.codes + first);
  }
}

}  // namespace graft::kernels
