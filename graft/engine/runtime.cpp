#include "graft/engine/runtime.h"

#include <mlx/memory.h>

#include <utility>

#include "graft/base/memory.h"

namespace graft::engine {

namespace {

void choose_device(mx::Device::DeviceType device) {
  static std::mutex mutex;
  static std::optional<mx::Device::DeviceType> chosen;
  const std::lock_guard lock(mutex);
  if (chosen && *chosen != device) fail_usage("another runtime of this process has another device");
  if (!mx::is_available(device)) {
    fail_usage("there is no {} here that MLX can use", device == mx::Device::gpu ? "GPU" : "CPU");
  }
  mx::set_default_device(device);
  chosen = device;
}

}  // namespace

Runtime::Runtime(RuntimeOptions options) : options_(std::move(options)) {
  set_threads(options_.threads);
  if (options_.device) choose_device(*options_.device);
}

void Runtime::set_threads(int threads) {
  if (threads < 0 || threads > kMaxThreads) {
    fail_usage("`threads` is {}, expected 1 to {}, or 0 for as many as there are processors",
               threads, kMaxThreads);
  }
  options_.threads = threads;
}

const hub::Environment& Runtime::hub() const {
  std::call_once(hub_is_read_, [this] { hub_ = hub::Environment::read(options_.front_end); });
  return hub_;
}

Use::Use(const Runtime& runtime)
    : threads_(runtime.options().threads),
      kernels_(runtime.options().kernels),
      activations_(runtime.options().activations) {}

void tune_memory() {
  keep_freed_memory();
  mx::set_cache_limit(0);
}

}  // namespace graft::engine
