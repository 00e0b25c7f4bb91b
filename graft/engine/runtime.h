#pragma once

#include <mlx/device.h>

#include <memory>
#include <mutex>
#include <optional>

#include "graft/base/front_end.h"
#include "graft/base/threads.h"
#include "graft/hub/environment.h"
#include "graft/ops/backend.h"

namespace graft::engine {

namespace mx = mlx::core;

struct RuntimeOptions {
  // Of kernels; 0: those of an outer Use, else as GRAFT_THREADS says, or one a processor
  // (base/threads.h).
  int threads = 0;
  ops::Kernels kernels = ops::Kernels::automatic;  // those of an outer Use, else the machine's
  // Of all runtimes of the process, as MLX has one default device; none: the one that MLX chooses.
  std::optional<mx::Device::DeviceType> device = {};
  std::shared_ptr<FrontEnd> front_end = silent_front_end();
};

/// What a front end chooses once for all that it does. Several can live in one process: each thread
/// uses the one of its `Use`.
class Runtime {
 public:
  /// Makes its device MLX's default one. Throws UsageError for a device that is not there, or not
  /// that of an earlier runtime, and for more than kMaxThreads threads.
  explicit Runtime(RuntimeOptions options = {});

  const RuntimeOptions& options() const { return options_; }
  FrontEnd& front_end() const { return *options_.front_end; }
  /// The Hub as the environment's variables say; read once, so that a warning comes once. Throws
  /// UsageError as hub::Environment::read does.
  const hub::Environment& hub() const;

  /// Before the first Use. Throws UsageError for more than kMaxThreads.
  void set_threads(int threads);

 private:
  RuntimeOptions options_;
  mutable std::once_flag hub_is_read_;
  mutable hub::Environment hub_;
};

/// While it lives, the calling thread computes as a runtime says. What it starts runs to the end
/// like this, on other threads too.
class Use {
 public:
  explicit Use(const Runtime& runtime);
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  ThreadsScope threads_;
  ops::KernelsScope kernels_;
};

/// Has the process keep the memory that it frees, and MLX keep none: a training step takes the same
/// blocks again and again, and MLX's cache hits exact sizes alone. For programs that do little
/// else; call it first.
void tune_memory();

}  // namespace graft::engine
