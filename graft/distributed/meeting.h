#pragma once

#include <memory>
#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/distributed/heartbeat.h"
#include "graft/distributed/place.h"

namespace graft::distributed {

/// What came of a meeting.
struct Meeting {
  std::vector<Member> members;         // by rank
  std::vector<std::string> addresses;  // of each, by which MLX's ring reaches it: "10.0.0.1:4711"
  std::vector<Channel> channels;       // as Heartbeat takes them
};

/// All processes of a training meet at `address`, where rank 0 listens: each says who it is, and is
/// told who the others are. For MLX's ring each holds a port of the address at which rank 0 is met
/// or by which it is reached from there. Throws Error as Session does.
Meeting meet(const Place& place, const Address& address, const std::string& secret,
             std::unique_ptr<HeldPort>& held, FrontEnd& front_end);

}  // namespace graft::distributed
