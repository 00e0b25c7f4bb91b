#pragma once

#include <sys/types.h>

#include <array>
#include <optional>
#include <string>
#include <vector>

namespace graft::launch {

/// A process that was started, with pipes to its standard streams, in a group of its own: what the
/// keyboard says does not reach it. With this object its standard input ends, upon which it has
/// some seconds to end, and is killed then.
class Process {
 public:
  /// Of the program and its arguments. Throws Error if none can be started; a program that is not
  /// there ends with 127.
  explicit Process(const std::vector<std::string>& command);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  /// Writes a line to its standard input; lost if it is gone. SIGPIPE has to be ignored.
  void tell(const std::string& line) const;
  /// Hears no more of it: what else it has started may hold its outputs open.
  void stop_listening();
  /// Of standard output (0) or error (1) what is there; at its end it is closed.
  std::string read(size_t which);
  /// The descriptors of both; -1 where it is closed.
  const std::array<int, 2>& outputs() const { return outputs_; }
  bool is_silent() const { return outputs_[0] < 0 && outputs_[1] < 0; }
  /// The exit code, 128 + the signal that ended it; none while it runs.
  std::optional<int> code();
  /// Sends a signal to its group, if it runs.
  void signal(int number) const;

 private:
  pid_t process_ = -1;
  int in_ = -1;
  std::array<int, 2> outputs_ = {-1, -1};
  std::optional<int> code_;
};

}  // namespace graft::launch
