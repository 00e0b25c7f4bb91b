#pragma once

#include <atomic>
#include <mutex>
#include <string>
#include <vector>

#include "graft/base/front_end.h"

namespace graft::testing {

/// Keeps what it is told.
class RecordingFrontEnd : public FrontEnd {
 public:
  void note_line(std::string_view line) override { add(notes, line); }
  void warn_line(std::string_view line) override { add(warnings, line); }
  void progress(const std::vector<ProgressLine>& lines) override {
    const std::lock_guard lock(mutex_);
    shown.push_back(lines);
  }
  bool cancelled() const override { return cancel; }

  /// For another thread than the one that is told.
  size_t notes_so_far() const {
    const std::lock_guard lock(mutex_);
    return notes.size();
  }

  std::vector<std::string> notes, warnings;
  std::vector<std::vector<ProgressLine>> shown;
  std::atomic<bool> cancel = false;

 private:
  void add(std::vector<std::string>& to, std::string_view line) {
    const std::lock_guard lock(mutex_);
    to.emplace_back(line);
  }
  mutable std::mutex mutex_;
};

}  // namespace graft::testing
