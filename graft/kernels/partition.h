#pragma once

#include <cstdint>
#include <vector>

namespace graft::kernels {

/// The units of a product, in the order of PanelKernels::units: unit panel * blocks + block. A
/// thread that computes units of a panel unpacks it first.
struct UnitGrid {
  int64_t blocks;  ///< of rows
  int64_t panels;  ///< of columns

  int64_t units() const { return blocks * panels; }
};

/// Where the parts of the units begin, in ascending order, and where the last ends. A thread takes
/// the next part when it is done with one. Parts are whole panels, a few for each thread and the
/// longer ones first; only panels that are left when every thread has had equally many are cut by
/// rows, into a part for each thread.
std::vector<int64_t> cut_units(const UnitGrid& grid, int64_t threads);

}  // namespace graft::kernels
