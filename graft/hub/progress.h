#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "graft/base/terminal.h"

namespace graft::hub {

/// "1.4 GB", "23 kB".
std::string size_text(uint64_t bytes);

/// What a person sees of several files that are on their way at once: on a terminal a line a file
/// and one for all, which are drawn over (share, bytes, speed, time left), and one line a file when
/// it is there.
class Progress {
 public:
  /// `total`: bytes of all files. `quiet`: says nothing but what went wrong.
  explicit Progress(uint64_t total, bool quiet = false) : total_(total), quiet_(quiet) {}

  /// `done` says how many bytes of the file are there; it may be asked until `end`.
  void begin(const std::string& name, uint64_t size, std::function<uint64_t()> done);
  void end(const std::string& name, bool arrived);
  /// Draws, if it is time for it.
  void tick();
  /// Writes a line above.
  void say(const std::string& line);

 private:
  struct Moving {
    uint64_t size;
    std::function<uint64_t()> done;
  };
  void draw();

  using Clock = std::chrono::steady_clock;
  std::mutex mutex_;
  LiveLine lines_;
  uint64_t total_, finished_ = 0, at_first_ = 0;
  bool quiet_;
  std::map<std::string, Moving> active_;
  Clock::time_point start_ = Clock::now(), drawn_{};
};

}  // namespace graft::hub
