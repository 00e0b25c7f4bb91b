#include "graft/ops/adam8.h"

#include <graft_config.h>
#include <mlx/ops.h>

#include "graft/kernels/dynamic_map.h"
#include "graft/ops/backend.h"
#include "graft/ops/cpu/adam8.h"

namespace graft::ops {
namespace {

constexpr int kBlock = kernels::DynamicMap::kBlock;

int blocks_of(const mx::array& x) { return (static_cast<int>(x.size()) + kBlock - 1) / kBlock; }

// x as [blocks, kBlock], with zeros at the end.
mx::array in_blocks(const mx::array& x) {
  const int blocks = blocks_of(x);
  const int missing = blocks * kBlock - static_cast<int>(x.size());
  return mx::reshape(mx::pad(mx::flatten(x), {0, missing}), {blocks, kBlock});
}

mx::array without_blocks(const mx::array& x, const mx::Shape& shape, size_t size) {
  return mx::reshape(mx::slice(mx::flatten(x), {0}, {static_cast<int>(size)}), shape);
}

mx::array decode(const kernels::DynamicMap& map, const CodedAverage& average) {
  const mx::array values(map.values.begin(), {256}, mx::float32);
  const mx::array decoded =
      mx::multiply(mx::take(values, in_blocks(average.codes)), mx::expand_dims(average.largest, 1));
  return without_blocks(decoded, average.codes.shape(), average.codes.size());
}

CodedAverage encode(const kernels::DynamicMap& map, const mx::array& x) {
  const mx::array blocks = in_blocks(x);
  const mx::array largest = mx::max(mx::abs(blocks), 1, true);
  const mx::array y =
      mx::clip(mx::multiply(blocks, mx::reciprocal(largest)), mx::array(-1.0f), mx::array(1.0f));
  const mx::array step = mx::add(
      mx::multiply(mx::multiply(mx::add(y, mx::array(1.0f)), mx::array(0.5f)), mx::array(65535.0f)),
      mx::array(0.5f));
  const mx::array table(map.codes.begin(), {kernels::DynamicMap::kSteps}, mx::uint8);
  // A block of zeros has codes 0.
  const mx::array empty = mx::equal(largest, mx::array(0.0f));
  const mx::array index = mx::astype(mx::where(empty, mx::array(0.0f), step), mx::uint16);
  const mx::array codes = mx::where(empty, mx::array(0, mx::uint8), mx::take(table, index));
  return {without_blocks(codes, x.shape(), x.size()), mx::flatten(largest)};
}

}  // namespace

CodedAverage CodedAverage::zeros(const mx::array& parameter) {
  return {mx::zeros(parameter.shape(), mx::uint8), mx::zeros({blocks_of(parameter)}, mx::float32)};
}

Adam8State adam8_step(const Adam8State& s, const mx::array& gradient, const AdamOptions& o) {
#ifdef GRAFT_CPU_KERNELS
  if (use_cpu_kernels()) return cpu::adam8_step(s, gradient, o);
#endif
  const kernels::DynamicMap &m_map = kernels::signed_map(), &v_map = kernels::unsigned_map();
  const AdamState next =
      adam_step({s.parameter, decode(m_map, s.m), decode(v_map, s.v)}, gradient, o);
  return {next.parameter, encode(m_map, next.m), encode(v_map, next.v)};
}

}  // namespace graft::ops
