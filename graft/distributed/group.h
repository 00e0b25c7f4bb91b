#pragma once

#include <mlx/array.h>
#include <mlx/distributed/distributed.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/error.h"

namespace graft::distributed {

namespace mx = mlx::core;

/// Another process of the training is gone, or does not answer.
class PeerLost : public Error {
 public:
  using Error::Error;
};

/// What of a gradient goes over the wire.
enum class WireType { f32, bf16 };

/// The processes that train together, each with its rank. All call the same functions in the same
/// order with arrays of the same shapes, and each call ends when all have called. Arrays are
/// computed at once; the time until a call is that of this process' own work. A call throws
/// PeerLost where a process is gone.
class Group {
 public:
  /// Who watches over the calls, which wait without end for a process that is gone.
  struct Watch {
    // Before a call; before a sum with the seconds of own work since the last call. Throws PeerLost
    // if all is over.
    std::function<void(std::optional<double>)> begins = {};
    std::function<void()> ends = {};
    // Why a call failed, by MLX's words of it.
    std::function<std::string(const std::string&)> explained = {};
  };

  /// This process alone: sums are what they are of.
  Group() = default;
  Group(mx::distributed::Group group, Watch watch, int on_this_host = 1);

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_alone() const { return size_ == 1; }
  /// Whether this process is the one that reports and saves.
  bool is_first() const { return rank_ == 0; }
  /// Of the processes those on this host, which share its memory.
  int on_this_host() const { return on_this_host_; }

  /// The sum over all processes, f32, the same bits in each. What is up to kMostGathered bytes, or
  /// of two processes, is gathered and added in the order of the ranks; with bf16 on the wire each
  /// process' part is rounded to it then, and the sum is not. Else the engine's all-reduce sums, in
  /// its own order and in the type on the wire.
  mx::array sum(const mx::array& x, WireType wire = WireType::f32) const;
  static constexpr size_t kMostGathered = size_t{16} << 20;
  /// [size, ...]: what each process gave.
  mx::array gather(const mx::array& x) const { return gathered(x, false); }
  /// The same of texts, which may differ in length.
  std::vector<std::string> gather(const std::string& text) const;
  std::vector<std::vector<double>> gather(const std::vector<double>& numbers) const;
  /// Whether it is so in any of them; of several flags, each a bit.
  bool any(bool here) const { return any_bits(here ? 1 : 0) != 0; }
  uint8_t any_bits(uint8_t here) const;
  /// Rank 0's.
  std::string broadcast(const std::string& text) const;

 private:
  mx::array called(const std::function<mx::array()>& call, bool is_work = false) const;
  mx::array gathered(const mx::array& x, bool is_work) const;

  std::optional<mx::distributed::Group> group_;
  Watch watch_;
  int rank_ = 0, size_ = 1, on_this_host_ = 1;
  mutable double ended_ = 0;  // the time of the last call's end, in seconds
};

/// This process alone.
const Group& alone();

}  // namespace graft::distributed
