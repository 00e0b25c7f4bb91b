// What sums of gradients take between processes: each of them runs this program, started as graft
// is (graft launch's variables, mpirun, ...; see bench/exchange.py). Rank 0 prints a line of JSON
// for each size.

#include <fmt/format.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <vector>

#include "graft/base/error.h"
#include "graft/distributed/session.h"

namespace graft {
namespace {

namespace mx = mlx::core;

double seconds_of_sum(const distributed::Group& group, int numbers) {
  const mx::array x = mx::full({numbers}, static_cast<float>(group.rank() + 1), mx::float32);
  mx::eval(x);
  const float expected = static_cast<float>(group.size() * (group.size() + 1)) / 2;
  const mx::array sum = group.sum(x);
  if (!mx::all(mx::equal(sum, mx::array(expected))).item<bool>()) {
    fail("the sum of {} numbers is wrong", numbers);
  }
  const int times = numbers > (1 << 22) ? 3 : 9;
  std::vector<double> seconds;
  for (int i = 0; i < times; ++i) {
    group.any(false);  // all begin together
    const auto start = std::chrono::steady_clock::now();
    group.sum(x);
    seconds.push_back(
        std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  return seconds[seconds.size() / 2];
}

int run(int largest) {
  const auto place = distributed::place_of_process();
  if (!place) fail("this runs as several processes: see bench/exchange.py");
  const auto end = [](const std::string& why) {
    fmt::print(stderr, "{}\n", why);
    std::_Exit(1);
  };
  distributed::Session session(*place, *silent_front_end(), end);
  for (int numbers = 256; numbers <= largest; numbers *= 8) {
    const double seconds = seconds_of_sum(session.group(), numbers);
    if (!session.group().is_first()) continue;
    fmt::print("{{\"bytes\": {}, \"seconds\": {}, \"ranks\": {}, \"backend\": \"{}\"}}\n",
               4LL * numbers, seconds, session.group().size(), place->backend);
  }
  session.leave("");
  return 0;
}

}  // namespace
}  // namespace graft

int main(int argc, char** argv) {
  try {
    return graft::run(argc > 1 ? std::atoi(argv[1]) : 1 << 23);
  } catch (const std::exception& error) {
    fmt::print(stderr, "exchange_times: {}\n", error.what());
    std::_Exit(1);
  }
}
