#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>

#include "graft/base/front_end.h"

namespace graft::hub {

/// "1.4 GB", "23 kB".
std::string size_text(uint64_t bytes);

/// Reports several transfers at once to a front end: a line per file and one for all (share, bytes,
/// speed, time left), and a note for each file that has arrived.
class Progress {
 public:
  /// `total`: bytes of all files. `quiet`: reports only what went wrong.
  Progress(FrontEnd& front_end, uint64_t total, bool quiet = false)
      : front_end_(front_end), total_(total), quiet_(quiet) {}
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// `done` returns how many bytes of the file have arrived; it may be called until `end`.
  void begin(const std::string& name, uint64_t size, std::function<uint64_t()> done);
  void end(const std::string& name, bool arrived);
  /// Reports the progress if it is time to.
  void tick();
  /// A note beside it.
  void say(const std::string& line);

 private:
  struct Moving {
    uint64_t size;
    std::function<uint64_t()> done;
  };
  void tell();

  using Clock = std::chrono::steady_clock;
  std::mutex mutex_;
  FrontEnd& front_end_;
  uint64_t total_, finished_ = 0, at_first_ = 0;
  bool quiet_;
  std::map<std::string, Moving> active_;
  Clock::time_point start_ = Clock::now(), told_{};
};

}  // namespace graft::hub
