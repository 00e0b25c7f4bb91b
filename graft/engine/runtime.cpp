#include "graft/engine/runtime.h"

#include <mlx/memory.h>

#include <utility>

#include "graft/base/memory.h"

namespace graft::engine {

Runtime::Runtime(RuntimeOptions options) : options_(std::move(options)) {
  set_threads(options_.threads);
  if (options_.device && !mx::is_available(*options_.device)) {
    fail_usage("`device`: there is no {} here that MLX can use",
               *options_.device == mx::Device::gpu ? "GPU" : "CPU");
  }
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
    : threads_(runtime.options().threads), kernels_(runtime.options().kernels) {
  if (!runtime.options().device) return;
  device_ = mx::default_device();
  mx::set_default_device(*runtime.options().device);
}

Use::~Use() {
  if (device_) mx::set_default_device(*device_);
}

void tune_memory() {
  keep_freed_memory();
  mx::set_cache_limit(0);
}

}  // namespace graft::engine
