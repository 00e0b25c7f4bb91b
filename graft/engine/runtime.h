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
  // Threads of a kernel; 0: those of an outer Use, else GRAFT_THREADS, else one per processor
  // (base/threads.h).
  int threads = 0;
  ops::Kernels kernels = ops::Kernels::automatic;  // those of an outer Use, else the machine's
  // Of passes without gradient: layers below everything that is trained, validation, prompts.
  ops::Activations activations = ops::Activations::exact;
  // Shared by all runtimes of the process, as MLX has one default device; empty: MLX's choice.
  std::optional<mx::Device::DeviceType> device = {};
  std::shared_ptr<FrontEnd> front_end = silent_front_end();
};

/// The settings that a front end chooses once for all its work. A process can have several: each
/// thread uses the one of its `Use`.
class Runtime {
 public:
  /// Makes its device MLX's default. Throws UsageError for a device that does not exist or differs
  /// from an earlier runtime's, and for more than kMaxThreads threads.
  explicit Runtime(RuntimeOptions options = {});

  const RuntimeOptions& options() const { return options_; }
  FrontEnd& front_end() const { return *options_.front_end; }
  /// The Hub's settings from the environment; read only once, so that a warning comes once. Throws
  /// UsageError as hub::Environment::read does.
  const hub::Environment& hub() const;

  /// Before the first Use. Throws UsageError for more than kMaxThreads.
  void set_threads(int threads);
  /// Before the first Use.
  void set_activations(ops::Activations activations) { options_.activations = activations; }

 private:
  RuntimeOptions options_;
  mutable std::once_flag hub_is_read_;
  mutable hub::Environment hub_;
};

/// While it lives, the calling thread computes with a runtime's settings. Work that it starts keeps
/// them to the end, on other threads too.
class Use {
 public:
  explicit Use(const Runtime& runtime);
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  ThreadsScope threads_;
  ops::KernelsScope kernels_;
  ops::ActivationsScope activations_;
};

/// Makes the process keep the memory that it frees, and MLX keep none: a training step allocates
/// the same blocks again and again, and MLX's cache only reuses exact sizes. For programs that do
/// little else; call it first.
void tune_memory();

}  // namespace graft::engine
