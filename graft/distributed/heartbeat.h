#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "graft/distributed/channel.h"
#include "graft/distributed/group.h"

namespace graft::distributed {

/// One of the processes that train together.
struct Member {
  int rank = 0;
  std::string host;
  int64_t process = 0;  // its id there

  /// "rank 2 (node-3, process 4711)".
  std::string text() const;
};

struct HeartbeatOptions {
  double beat_seconds = 1;    // between two
  double silent_seconds = 6;  // after which a process counts as stopped or cut off
  // For a call to come back, once it is all over; for this process to end by itself after that.
  double grace_seconds = 3, end_seconds = 60;
  double window_seconds = 10;  // after which work is compared again
  double slow = 10;            // times the others' work that are told
};

/// What finds that a process is gone where MLX's engines wait without end: a thread of each process
/// that speaks with rank 0's, which hears of all and tells all.
class Heartbeat {
 public:
  /// Of what is said where: `warn` warns, `end` is called from the thread when all is over and this
  /// process is still in a call that waits for one that is gone, or does not end by itself; it does
  /// not return.
  struct Handlers {
    std::function<void(const std::string&)> warn;
    std::function<void(const std::string&)> end;
  };

  /// `channels`: of rank 0 to the ranks 1, 2, ..., of the others to rank 0 alone.
  Heartbeat(int rank, const std::vector<Member>& members, std::vector<Channel> channels,
            Handlers handlers, HeartbeatOptions options = {});
  ~Heartbeat();
  Heartbeat(const Heartbeat&) = delete;
  Heartbeat& operator=(const Heartbeat&) = delete;

  /// A call of MLX's engine begins, of a step after so many seconds of own work, and ends. Throws
  /// PeerLost if all is over.
  void call_begins(std::optional<double> worked);
  void call_ends();
  /// Why a call failed: what is found out about another process within a few seconds, else `what`.
  std::string explained(const std::string& what);
  /// What is over, if it is.
  std::optional<std::string> ended() const;
  /// This process ends in order, or because of `why`, which is told to all. One that goes without a
  /// word has failed.
  void leave(const std::string& why);

 private:
  struct Peer {
    Member member;
    Channel channel;
    Clock::time_point heard;
    bool left = false;
    double work = 0;       // seconds of a step, lately
    bool is_slow = false;  // which was told
  };

  void run();
  void listen_to(Peer& peer);
  void take(Peer& peer, const json& message);
  void beat();
  void compare_work();
  void end(const std::string& why);
  bool is_stuck(Clock::time_point since) const;
  bool is_first() const { return own_.rank == 0; }

  Member own_;
  std::vector<Peer> peers_;
  Handlers handlers_;
  HeartbeatOptions options_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::optional<std::string> ended_;
  std::optional<std::string> leaving_;       // why this process ends; empty: in order
  std::optional<Clock::time_point> called_;  // since when it is in a call
  std::deque<double> work_;                  // seconds of the last steps
  bool is_slow_ = false;                     // rank 0 itself
  std::thread thread_;
};

}  // namespace graft::distributed
