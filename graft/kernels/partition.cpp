#include "graft/kernels/partition.h"

#include <algorithm>

#include "graft/kernels/parallel.h"

namespace graft::kernels {
namespace {

constexpr int64_t kPieces = 4;  // the most per thread, so that none waits long for another

}  // namespace

std::vector<int64_t> cut_units(const UnitGrid& grid, int64_t threads) {
  if (threads == 1) return {0, grid.units()};
  std::vector<int64_t> cuts = {0};
  const int64_t whole = grid.panels / threads * threads;
  const int64_t pieces = std::min(whole, threads * kPieces);
  for (int64_t i = 1; i <= pieces; ++i) cuts.push_back(part_begin(whole, pieces, i) * grid.blocks);
  const int64_t begin = whole * grid.blocks, left = grid.units() - begin;
  for (int64_t i = 1; left > 0 && i <= threads; ++i) cuts.push_back(begin + left * i / threads);
  return cuts;
}

}  // namespace graft::kernels
