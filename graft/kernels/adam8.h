#pragma once

#include "graft/kernels/adam.h"
#include "graft/kernels/dynamic_map.h"

namespace graft::kernels {

/// Moving averages in 8 bits: a code each, and the largest magnitude of each DynamicMap::kBlock of
/// them (the last block may be short), by which the values of the codes are multiplied.
struct CodedInput {
  const uint8_t* codes;
  const float* largest;
};
struct CodedOutput {
  uint8_t* codes;
  float* largest;
};

/// adam_update with m (signed_map) and v (unsigned_map) in 8 bits: each block is decoded, updated
/// and coded again in one pass, and p is updated from m and v before they are rounded. The same
/// codes as bitsandbytes' on the CPU, which are not always the nearest: x / largest is first
/// rounded to 65536 steps of [-1, 1]. Each output may be its input. Dettmers et al.,
/// arXiv:2110.02861.
void adam8_update(const AdamOptions& options, int64_t count, const float* gradient, const float* p,
                  CodedInput m, CodedInput v, float* p_out, CodedOutput m_out, CodedOutput v_out);

}  // namespace graft::kernels
