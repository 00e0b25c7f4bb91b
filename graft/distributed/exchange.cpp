#include "graft/distributed/exchange.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <chrono>
#include <exception>
#include <system_error>
#include <vector>

#include "graft/base/atomic_file.h"
#include "graft/base/json_types.h"

namespace graft::distributed {
namespace {

constexpr int kSmall = 1 << 10, kLarge = 1 << 19;  // numbers of 4 bytes
constexpr int kTimes = 5;

// The median of some sums of so many numbers.
double seconds_of_sum(const Group& group, int numbers) {
  const mx::array x = mx::zeros({numbers}, mx::float32);
  mx::eval(x);
  std::vector<double> times;
  for (int i = 0; i < kTimes; ++i) {
    const auto start = std::chrono::steady_clock::now();
    group.sum(x);
    times.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(times.begin(), times.end());
  return times[kTimes / 2];
}

}  // namespace

ExchangeSpeed measure_exchange(const Group& group, const std::string& backend) {
  const double others = group.size() - 1;
  const double small = seconds_of_sum(group, kSmall), large = seconds_of_sum(group, kLarge);
  return {.call_seconds = small / others,
          .byte_seconds = std::max(0.0, large - small) / (others * 4 * (kLarge - kSmall)),
          .backend = backend,
          .ranks = group.size()};
}

double exchange_seconds(const ExchangeSpeed& speed, double bytes, int ranks) {
  const double others = ranks - 1;
  const double moved = ranks > 2 && bytes > static_cast<double>(Group::kMostGathered)
                           ? 2 * others / ranks * bytes
                           : others * bytes;
  return speed.call_seconds * others + speed.byte_seconds * moved;
}

std::optional<ExchangeSpeed> read_exchange_speed(const fs::path& file) {
  if (!is_there(file)) return {};
  try {
    const json stored = json::parse(read_text(file, 1 << 16), nullptr, false);
    return ExchangeSpeed{stored.at("call_seconds").get<double>(),
                         stored.at("byte_seconds").get<double>(),
                         stored.at("backend").get<std::string>(), stored.at("ranks").get<int>()};
  } catch (const std::exception&) {
    return {};  // not what was written
  }
}

void write_exchange_speed(const fs::path& file, const ExchangeSpeed& speed) {
  try {
    std::error_code ignored;
    fs::create_directories(file.parent_path(), ignored);
    const json stored = {{"call_seconds", speed.call_seconds},
                         {"byte_seconds", speed.byte_seconds},
                         {"backend", speed.backend},
                         {"ranks", speed.ranks}};
    write_text(file, stored.dump(2) + "\n");
  } catch (const Error&) {  // it is measured again
  }
}

}  // namespace graft::distributed
