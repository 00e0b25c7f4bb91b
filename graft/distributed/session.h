#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/distributed/group.h"
#include "graft/distributed/heartbeat.h"
#include "graft/distributed/place.h"

namespace graft::distributed {

/// The processes of a training, met and connected: MLX's group, and the heartbeat beside it.
class Session {
 public:
  /// Meets the others and connects with them. Throws Error that says who is missing after
  /// `place.join_seconds`, whose port is taken, or whose program or secret is another one;
  /// UsageError for a backend that MLX does not have here. `end` is called when all is over while
  /// this process waits for one that is gone; it does not return. The front end must outlive it.
  Session(const Place& place, FrontEnd& front_end, std::function<void(const std::string&)> end);

  const Group& group() const { return group_; }
  const std::vector<Member>& members() const { return members_; }
  /// This process ends because of `why`, which the others are told; in order if that is empty.
  void leave(const std::string& why) { heartbeat_->leave(why); }

 private:
  std::vector<Member> members_;
  std::unique_ptr<Heartbeat> heartbeat_;
  Group group_;
};

}  // namespace graft::distributed
