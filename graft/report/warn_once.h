#pragma once

#include <exception>
#include <memory>
#include <utility>

#include "graft/base/front_end.h"

namespace graft::report {

/// Does what must not end a training: an exception is a warning, the first
/// time, and nothing later.
class WarnOnce {
 public:
  explicit WarnOnce(std::shared_ptr<FrontEnd> front_end) : front_end_(std::move(front_end)) {}

  template <class Work>
  void attempt(Work work) {
    try {
      work();
    } catch (const std::exception& error) {
      if (!std::exchange(warned_, true)) front_end_->warn("{}. The training goes on", error.what());
    }
  }

 private:
  std::shared_ptr<FrontEnd> front_end_;
  bool warned_ = false;
};

}  // namespace graft::report
