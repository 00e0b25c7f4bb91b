#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "graft/base/files.h"
#include "graft/distributed/group.h"

namespace graft::distributed {

/// What it takes to add gradients of all processes, as it was measured.
struct ExchangeSpeed {
  double call_seconds = 0;  // of a call, for each other process
  double byte_seconds = 0;  // of a byte of another process
  std::string backend = {};
  int ranks = 0;  // that measured it
};

/// Gathers a few small and a few large texts. All of a group call it; it takes a fraction of a
/// second on a network that is fit for training.
ExchangeSpeed measure_exchange(const Group& group, const std::string& backend);

/// Of so many bytes of gradients with `ranks` processes: each gets those of all others; above 16 MB
/// with more than two, what an all-reduce over a ring moves (2 (R - 1) / R of the bytes).
double exchange_seconds(const ExchangeSpeed& speed, double bytes, int ranks);

/// The last measurement in a file; none if there is none. Writing one that cannot be written is no
/// error.
std::optional<ExchangeSpeed> read_exchange_speed(const fs::path& file);
void write_exchange_speed(const fs::path& file, const ExchangeSpeed& speed);

}  // namespace graft::distributed
