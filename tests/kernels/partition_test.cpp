#include "graft/kernels/partition.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <queue>
#include <vector>

namespace graft::kernels {
namespace {

constexpr int64_t kUnitRows = 6, kPanel = 64;  // a unit's rows and columns
constexpr double kPanelCost = 1.3;  // of unpacking a panel of 4 bits, in units of the same depth

struct Product {
  int64_t rows, in, out;
};

// What so many threads would do of a product that each takes parts of as it is through with others.
struct Simulated {
  double longest = 0;  // units of the busiest thread, panels that it unpacks included
  double mean = 0;     // of all
  double at_best = 0;  // were each panel unpacked once, and the work divided evenly
  int64_t most_bytes = 0, all_bytes = 0;  // of 4-bit weights that a thread unpacks, and all

  double efficiency() const { return at_best / longest; }
  double imbalance() const { return longest / mean; }
};

UnitGrid grid_of(const Product& p) {
  return {(p.rows + kUnitRows - 1) / kUnitRows, (p.out + kPanel - 1) / kPanel};
}

Simulated simulate(const Product& p, int64_t threads) {
  const UnitGrid grid = grid_of(p);
  struct Thread {
    double busy = 0;
    int64_t panels = 0;

    bool operator<(const Thread& other) const { return busy > other.busy; }
  };
  std::priority_queue<Thread> next;
  for (int64_t i = 0; i < threads; ++i) next.push({});
  const std::vector<int64_t> cuts = cut_units(grid, threads);
  for (size_t i = 0; i + 1 < cuts.size(); ++i) {
    if (cuts[i] == cuts[i + 1]) continue;
    Thread thread = next.top();
    next.pop();
    const int64_t panels = (cuts[i + 1] - 1) / grid.blocks - cuts[i] / grid.blocks + 1;
    thread.panels += panels;
    thread.busy +=
        static_cast<double>(cuts[i + 1] - cuts[i]) + kPanelCost * static_cast<double>(panels);
    next.push(thread);
  }
  Simulated result;
  const auto panel_bytes = static_cast<int64_t>(static_cast<double>(p.in * kPanel) * 0.625);
  for (; !next.empty(); next.pop()) {
    result.longest = std::max(result.longest, next.top().busy);
    result.mean += next.top().busy / static_cast<double>(threads);
    result.most_bytes = std::max(result.most_bytes, next.top().panels * panel_bytes);
    result.all_bytes += next.top().panels * panel_bytes;
  }
  result.at_best =
      (static_cast<double>(grid.units()) + kPanelCost * static_cast<double>(grid.panels)) /
      static_cast<double>(threads);
  return result;
}

const std::vector<Product>& products() {
  static const std::vector<Product> all = {
      {90, 576, 1536},     {360, 576, 576},     {360, 576, 1536},   {360, 1536, 576},
      {360, 576, 49152},   {90, 4096, 4096},    {512, 4096, 1024},  {512, 4096, 4096},
      {512, 4096, 11008},  {512, 11008, 4096},  {512, 4096, 32000}, {1536, 576, 1536},
      {1536, 4096, 11008}, {1536, 11008, 4096},
  };
  return all;
}

TEST(Partition, CoversAllUnitsInOrder) {
  for (const int64_t threads : {1, 2, 3, 8, 64}) {
    for (const UnitGrid& grid : {UnitGrid{1, 1}, {60, 9}, {15, 172}, {256, 64}, {3, 1}}) {
      const std::vector<int64_t> cuts = cut_units(grid, threads);
      EXPECT_EQ(cuts.front(), 0);
      EXPECT_EQ(cuts.back(), grid.units());
      EXPECT_TRUE(std::is_sorted(cuts.begin(), cuts.end()));
    }
  }
}

// The table in docs/kernels.md; `ctest -V -R Partition` prints it.
TEST(Partition, ManyThreadsShareTheWork) {
  for (const Product& p : products()) {
    std::string line = fmt::format("{:5} x {:5} x {:5}", p.rows, p.in, p.out);
    for (const int64_t threads : {2, 8, 16, 32, 64}) {
      const Simulated s = simulate(p, threads);
      line += fmt::format(" | {:2}: {:.2f}, {:.2f}, {:6.1f} of {:6.1f} MB", threads, s.efficiency(),
                          s.imbalance(), static_cast<double>(s.most_bytes) / 1e6,
                          static_cast<double>(s.all_bytes) / 1e6);
      // Where a thread has as many units as it takes to unpack twenty panels.
      EXPECT_GT(s.efficiency(), s.at_best > 20 * kPanelCost ? 0.9 : 0.75) << line;
    }
    fmt::print("{}\n", line);
  }
}

}  // namespace
}  // namespace graft::kernels
