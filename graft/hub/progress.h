#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "graft/base/terminal.h"
#include "graft/hub/parts_file.h"

namespace graft::hub {

/// "1.4 GB", "23 kB".
std::string size_text(uint64_t bytes);

/// What a person sees of several files that arrive at once: a line that is drawn over on a terminal
/// (share, bytes, speed, time left, the file at work), and one line a file when it is there.
class Progress {
 public:
  /// `quiet`: says nothing but what went wrong.
  explicit Progress(uint64_t total, bool quiet = false) : total_(total), quiet_(quiet) {}

  void begin(const std::string& name, const PartsFile& parts);
  void end(const std::string& name, bool arrived);
  /// Draws, if it is time for it.
  void tick();
  /// Writes a line above.
  void say(const std::string& line);

 private:
  void draw();

  using Clock = std::chrono::steady_clock;
  std::mutex mutex_;
  LiveLine line_;
  uint64_t total_, finished_ = 0, at_first_ = 0;
  bool quiet_;
  std::map<std::string, const PartsFile*> active_;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

}  // namespace graft::hub
