#pragma once

#include <mlx/array.h>
#include <mlx/distributed/distributed.h>

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
  /// What a call learns of others where MLX's engine fails, and is told before each.
  struct Hooks {
    // The seconds of own work before a call.
    std::function<void(double)> worked = {};
    // What happened, by MLX's words of it.
    std::function<std::string(const std::string&)> explained = {};
  };

  /// This process alone: sums are what they are of.
  Group() = default;
  Group(mx::distributed::Group group, Hooks hooks);

  int rank() const { return rank_; }
  int size() const { return size_; }
  bool is_alone() const { return size_ == 1; }
  /// Whether this process is the one that reports and saves.
  bool is_first() const { return rank_ == 0; }

  /// The sum over all processes, f32, the same bits in each: in the order of the ranks, but for
  /// more than 16 MB of more than two ranks, whose order is that of the engine's all-reduce. With
  /// bf16 on the wire each process' part is rounded to it, and the sum is not.
  mx::array sum(const mx::array& x, WireType wire = WireType::f32) const;
  /// [size, ...]: what each process gave.
  mx::array gather(const mx::array& x) const;
  /// The same of texts, which may differ in length.
  std::vector<std::string> gather(const std::string& text) const;
  std::vector<std::vector<double>> gather(const std::vector<double>& numbers) const;
  /// Whether it is so in any of them.
  bool any(bool here) const;
  /// Rank 0's.
  std::string broadcast(const std::string& text) const;

 private:
  mx::array called(const std::function<mx::array()>& call) const;

  std::optional<mx::distributed::Group> group_;
  Hooks hooks_;
  int rank_ = 0, size_ = 1;
  mutable double ended_ = 0;  // the time of the last call's end, in seconds
};

/// This process alone.
const Group& alone();

}  // namespace graft::distributed
