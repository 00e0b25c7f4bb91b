#include "graft/distributed/session.h"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <set>
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

// The first address of MLX's own host file.
std::optional<std::string> ring_host() {
  const char* file = std::getenv("MLX_HOSTFILE");
  if (file == nullptr) return {};
  std::ifstream in(file);
  const json hosts = json::parse(in, nullptr, false);
  return Address::parse(hosts.at(0).at(0).get<std::string>(), "MLX_HOSTFILE").host;
}

}  // namespace

Session::Session(const Place& place, FrontEnd& front_end,
                 std::function<void(const std::string&)> end) {
  const auto start = [&](Meeting& met) {
    members_ = met.members;
    heartbeat_ = std::make_unique<Heartbeat>(
        place.rank, met.members, std::move(met.channels),
        Heartbeat::Handlers{[&front_end](const std::string& what) { front_end.warn_line(what); },
                            std::move(end)});
  };
  std::unique_ptr<HeldPort> held;
  std::optional<mx::distributed::Group> connected;
  if (place.meeting) {
    Meeting met = meet(place, *place.meeting, place.secret, held, front_end);
    start(met);  // so that one that is gone before the engine has connected all is found, too
    connected = place.backend == "ring" ? join_ring(place.rank, met.addresses)
                                        : join_engine(place.backend, place.rank, place.size);
  } else {
    // The engine connects them first, and over it all learn where rank 0 is met and the secret.
    const auto host = place.backend == "ring" ? ring_host() : std::nullopt;
    connected = join_engine(place.backend, place.rank, place.size);
    const Group engine(*connected, {});
    const std::vector<std::string> hosts = engine.gather(host_name());
    Address address;
    std::string secret;
    if (engine.is_first()) {
      secret = new_secret();
      const HeldPort port(host.value_or(reachable_host(hosts)));
      address = port.address();
    }
    address = Address::parse(engine.broadcast(engine.is_first() ? address.text() : ""), "rank 0");
    secret = engine.broadcast(secret);
    Place met_at = place;
    met_at.backend = "connected";  // no ring is to be made
    Meeting met = meet(met_at, address, secret, held, front_end);
    start(met);
  }
  group_ =
      Group(*connected,
            {.worked = [this](double seconds) { heartbeat_->worked(seconds); },
             .explained = [this](const std::string& what) { return heartbeat_->explained(what); }});
}

}  // namespace graft::distributed
