#include "graft/distributed/session.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <set>
#include <thread>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/json_types.h"
#include "graft/distributed/engine.h"
#include "graft/distributed/meeting.h"

namespace graft::distributed {
namespace {

// By which the others reach this host, if they are on others.
std::string reachable_host(const std::vector<std::string>& hosts) {
  const bool one_host = std::set<std::string>(hosts.begin(), hosts.end()).size() == 1;
  return one_host ? "127.0.0.1" : outward_address();
}

// Debian's /etc/hosts has a machine's own name at an address that no other machine reaches.
std::string bindable_host(const std::string& host, const Place& place) {
  const bool all_here = place.on_this_host == place.size;
  const bool is_numeric = host.find_first_not_of("0123456789.") == std::string::npos;
  return all_here || is_numeric || host.find(':') != std::string::npos || host == "localhost"
             ? host
             : numeric_host(host);
}

// The first address of MLX's own host file.
std::optional<std::string> ring_host() {
  const char* file = std::getenv("MLX_HOSTFILE");
  if (file == nullptr) return {};
  std::ifstream in(file);
  const json hosts = json::parse(in, nullptr, false);
  return Address::parse(hosts.at(0).at(0).get<std::string>(), "MLX_HOSTFILE").host;
}

// Ends the process if MLX's engine has not connected all in time: it would wait without end for one
// that never starts.
class JoinLimit {
 public:
  JoinLimit(const Place& place, const std::function<void(const std::string&)>& end)
      : thread_([this, end, seconds = place.join_seconds + kPatience, backend = place.backend] {
          std::unique_lock lock(mutex_);
          const auto limit = std::chrono::duration<double>(seconds);
          if (changed_.wait_for(lock, limit, [this] { return is_over_; })) return;
          lock.unlock();
          end(fmt::format(
              "not all processes were there after {:.0f} s: MLX's backend {} waits for one",
              seconds, backend));
        }) {}
  ~JoinLimit() {
    {
      const std::lock_guard lock(mutex_);
      is_over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }
  JoinLimit(const JoinLimit&) = delete;
  JoinLimit& operator=(const JoinLimit&) = delete;

 private:
  static constexpr double kPatience = 20;  // with what is told at the end

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace

Session::Session(const Place& place, FrontEnd& front_end,
                 std::function<void(const std::string&)> end) {
  const auto start = [&](Meeting& met) {
    members_ = met.members;
    heartbeat_ = std::make_unique<Heartbeat>(
        place.rank, met.members, std::move(met.channels),
        Heartbeat::Handlers{[&front_end](const std::string& what) { front_end.warn_line(what); },
                            end});
  };
  std::unique_ptr<HeldPort> held;
  std::optional<mx::distributed::Group> connected;
  if (place.meeting) {
    Address address = *place.meeting;
    if (place.rank == 0) address.host = bindable_host(address.host, place);
    Meeting met = meet(place, address, place.secret, held, front_end);
    start(met);  // so that one that is gone before the engine has connected all is found, too
    const JoinLimit limit(place, end);
    try {
      connected = place.backend == "ring" ? join_ring(place.rank, met.addresses)
                                          : join_engine(place.backend, place.rank, place.size);
    } catch (const std::exception& error) {
      heartbeat_->leave(error.what());
      throw;
    }
  } else {
    // The engine connects them first, and over it all learn where rank 0 is met and the secret.
    const auto host = place.backend == "ring" ? ring_host() : std::nullopt;
    {
      const JoinLimit limit(place, end);
      connected = join_engine(place.backend, place.rank, place.size);
    }
    const Group engine(*connected, {});
    const std::vector<std::string> hosts = engine.gather(host_name());
    std::string secret, own_address;
    if (engine.is_first()) {
      secret = new_secret();
      own_address = HeldPort(host ? *host : reachable_host(hosts)).address().text();
    }
    const Address address = Address::parse(engine.broadcast(own_address), "rank 0's address");
    secret = engine.broadcast(secret);
    Place met_at = place;
    met_at.backend = "connected";  // no ring is to be made
    Meeting met = meet(met_at, address, secret, held, front_end);
    start(met);
  }
  const std::string own = members_[static_cast<size_t>(place.rank)].host;
  const auto here = std::count_if(members_.begin(), members_.end(),
                                  [&](const Member& member) { return member.host == own; });
  group_ =
      Group(*connected,
            {.begins = [this](std::optional<double> worked) { heartbeat_->call_begins(worked); },
             .ends = [this] { heartbeat_->call_ends(); },
             .explained = [this](const std::string& what) { return heartbeat_->explained(what); }},
            static_cast<int>(here));
}

}  // namespace graft::distributed
