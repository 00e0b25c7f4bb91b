#include "graft/convert/quantize.h"

#include <mlx/device.h>
#include <mlx/ops.h>
#include <mlx/stream.h>

#include <algorithm>
#include <cstdint>
#include <string>

#include "graft/base/threads.h"

namespace graft::convert {
namespace {

// Fewer elements are done before another stream has begun.
constexpr size_t kElementsWorthAPart = size_t{1} << 16;

size_t parts_of(const mx::array& weight) {
  if (mx::default_device() == mx::Device::gpu) return 1;
  const int most = std::min(num_threads(), std::max(1, weight.shape(0)));
  return std::clamp<size_t>(weight.size() / kElementsWorthAPart, 1, static_cast<size_t>(most));
}

mx::Stream stream_of(size_t part) {
  static thread_local std::vector<mx::Stream> streams;
  while (streams.size() <= part) {
    streams.push_back(streams.empty() ? mx::default_stream(mx::default_device())
                                      : mx::new_stream(mx::Device::cpu));
  }
  return streams[part];
}

}  // namespace

std::vector<mx::array> quantize_rows(const mx::array& weight, mx::Dtype dtype,
                                     const io::LayerQuantization& setting) {
  const size_t parts = parts_of(weight);
  // Even rows: MLX packs 32 numbers at a time, which may be two ends of rows.
  const auto row = [&](size_t part) {
    const size_t rows = static_cast<size_t>(weight.shape(0));
    return static_cast<int>(part == parts ? rows : rows * part / parts / 2 * 2);
  };
  std::vector<std::vector<mx::array>> outputs(has_biases(setting.mode) ? 3 : 2);  // of each, parts
  for (size_t part = 0; part < parts; ++part) {
    const mx::Stream stream = stream_of(part);
    mx::array rows = mx::slice(weight, {row(part), 0}, {row(part + 1), weight.shape(1)}, stream);
    auto made = mx::quantize(mx::astype(rows, dtype, stream), setting.group_size, setting.bits,
                             std::string(name_of(setting.mode)), {}, stream);
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i].push_back(made[i]);
  }
  std::vector<mx::array> whole;
  for (const std::vector<mx::array>& output : outputs) whole.push_back(mx::concatenate(output, 0));
  return whole;
}

}  // namespace graft::convert
