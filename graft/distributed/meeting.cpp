#include "graft/distributed/meeting.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <future>
#include <list>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "graft/base/error.h"

namespace graft::distributed {
namespace {

using namespace std::chrono_literals;

constexpr auto kHandshake = 3s;     // for one that connects to say who it is
constexpr auto kAnswer = 10s;       // of rank 0, once all are there
constexpr auto kPatience = 5s;      // before it is said who is waited for
constexpr size_t kMostAtOnce = 64;  // that are asked who they are

Clock::time_point after(double seconds) {
  return Clock::now() + std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

Member this_member(int rank) { return {rank, host_name(), static_cast<int64_t>(::getpid())}; }

json hello_of(const Place& place, const std::string& ring) {
  const Member member = this_member(place.rank);
  return {{"rank", place.rank},        {"size", place.size},       {"host", member.host},
          {"process", member.process}, {"backend", place.backend}, {"ring", ring},
          {"version", GRAFT_VERSION}};
}

// Rank 0's side.
class Host {
 public:
  Host(const Place& place, const std::string& secret, std::string ring, FrontEnd& front_end)
      : place_(place), secret_(secret), front_end_(front_end) {
    meeting_.members.resize(count());
    meeting_.addresses.resize(count());
    meeting_.members[0] = this_member(0);
    meeting_.addresses[0] = std::move(ring);
    arrived_.resize(count());
  }

  Meeting meet(const Socket& listener, const Address& address) {
    const Clock::time_point deadline = after(place_.join_seconds),
                            patience = Clock::now() + kPatience;
    bool told = false;
    while (!missing().empty()) {
      front_end_.check_cancelled();
      if (Clock::now() >= deadline) refuse_all(not_there());
      if (!told && Clock::now() >= patience) {
        front_end_.note("Waiting at {} for {}", address.text(), ranks_text());
        told = true;
      }
      const auto turn = std::min(deadline, Clock::now() + 100ms);
      if (asked_.size() >= kMostAtOnce) {
        std::this_thread::sleep_until(turn);
      } else if (auto socket = accepted(listener, turn)) {
        ask(std::move(*socket), deadline);
      }
      take_answers();
      forget_gone();
    }
    json roll = {
        {"hosts", json::array()}, {"processes", json::array()}, {"rings", meeting_.addresses}};
    for (const Member& member : meeting_.members) {
      roll["hosts"].push_back(member.host);
      roll["processes"].push_back(member.process);
    }
    for (size_t rank = 1; rank < count(); ++rank) {
      if (!arrived_[rank]->send(roll)) {
        refuse_all(meeting_.members[rank].text() + " is gone before it began");
      }
    }
    for (size_t rank = 1; rank < count(); ++rank) {
      meeting_.channels.push_back(std::move(*arrived_[rank]));
    }
    return std::move(meeting_);
  }

 private:
  size_t count() const { return static_cast<size_t>(place_.size); }

  std::vector<size_t> missing() const {
    std::vector<size_t> ranks;
    for (size_t rank = 1; rank < count(); ++rank) {
      if (!arrived_[rank]) ranks.push_back(rank);
    }
    return ranks;
  }

  std::string ranks_text() const {
    const std::vector<size_t> ranks = missing();
    return fmt::format("{} {}", ranks.size() == 1 ? "rank" : "ranks", fmt::join(ranks, ", "));
  }

  std::string not_there() const {
    return fmt::format("{} did not start within {:.0f} s", ranks_text(), place_.join_seconds);
  }

  // Those who are there are told why nothing comes of it.
  [[noreturn]] void refuse_all(const std::string& why) {
    for (std::optional<Channel>& channel : arrived_) {
      if (channel) channel->send({{"refused", why}});
    }
    throw Error(why);
  }

  // One that knows the secret, and says who it is.
  struct Guest {
    Channel channel;
    json hello;
  };

  // Beside all else: a stranger that says nothing keeps nobody waiting.
  void ask(Socket socket, Clock::time_point deadline) {
    const Clock::time_point limit = std::min(deadline, Clock::now() + kHandshake);
    asked_.push_back(std::async(
        std::launch::async,
        [limit, secret = secret_, socket = std::move(socket)]() mutable -> std::optional<Guest> {
          auto channel = Channel::welcome(std::move(socket), secret, limit);
          if (!channel) return {};
          auto hello = channel->receive(limit);
          if (!hello) return {};
          return Guest{std::move(*channel), std::move(*hello)};
        }));
  }

  void take_answers() {
    for (auto one = asked_.begin(); one != asked_.end();) {
      if (one->wait_for(0s) != std::future_status::ready) {
        ++one;
        continue;
      }
      auto guest = one->get();
      one = asked_.erase(one);
      if (guest) take(std::move(guest->channel), guest->hello);
    }
  }

  // Its place is free again: it may come anew.
  void forget_gone() {
    for (std::optional<Channel>& channel : arrived_) {
      if (!channel) continue;
      channel->receive(Clock::now());
      if (!channel->is_open()) channel.reset();
    }
  }

  void take(Channel channel, const json& hello) {
    const std::string host = hello.value("host", std::string());
    const int rank = hello.value("rank", -1);
    const auto refuse = [&](const std::string& why) {
      channel.send({{"refused", why}});
      refuse_all(why);
    };
    if (hello.value("version", std::string()) != GRAFT_VERSION) {
      refuse(fmt::format("{} has graft {}, and rank 0 (host {}) has {}", host,
                         hello.value("version", std::string()), host_name(), GRAFT_VERSION));
    }
    if (hello.value("size", -1) != place_.size || rank < 1 || rank >= place_.size) {
      refuse(fmt::format("{} was started as rank {} of {}, and rank 0 as one of {}", host, rank,
                         hello.value("size", -1), place_.size));
    }
    if (arrived_[static_cast<size_t>(rank)]) {
      refuse(fmt::format("rank {} was started twice, on {} and on {}", rank,
                         meeting_.members[static_cast<size_t>(rank)].host, host));
    }
    if (hello.value("backend", std::string()) != place_.backend) {
      refuse(fmt::format("rank {} ({}) was started with the backend {}, and rank 0 with {}", rank,
                         host, hello.value("backend", std::string()), place_.backend));
    }
    meeting_.members[static_cast<size_t>(rank)] = {rank, host, hello.value("process", int64_t{0})};
    meeting_.addresses[static_cast<size_t>(rank)] = hello.value("ring", std::string());
    arrived_[static_cast<size_t>(rank)] = std::move(channel);
  }

  const Place& place_;
  const std::string& secret_;
  FrontEnd& front_end_;
  Meeting meeting_;
  std::vector<std::optional<Channel>> arrived_;
  std::list<std::future<std::optional<Guest>>> asked_;
};

std::unique_ptr<HeldPort> ring_port(const Place& place, const std::string& host) {
  if (place.backend != "ring") return nullptr;
  if (host.find(':') != std::string::npos) {
    fail("MLX's ring takes IPv4 addresses, and {} is none", host);
  }
  return std::make_unique<HeldPort>(host);
}

std::string text_of(const std::unique_ptr<HeldPort>& port) {
  return port ? port->address().text() : std::string();
}

// A connection to rank 0 that knows the secret. Who answers otherwise may be another program that
// has the port for a while.
std::pair<Channel, std::string> reached(const Place& place, const Address& address,
                                        const std::string& secret, FrontEnd& front_end) {
  const Clock::time_point deadline = after(place.join_seconds), patience = Clock::now() + kPatience;
  bool told = false, answered = false;
  while (Clock::now() < deadline) {
    front_end.check_cancelled();
    if (!told && Clock::now() >= patience) {
      front_end.note("Waiting for rank 0 at {}", address.text());
      told = true;
    }
    auto socket = connected(address, std::min(deadline, Clock::now() + 500ms));
    if (!socket) continue;
    const std::string host = own_host(socket->descriptor());
    try {
      const auto limit = std::min(deadline, Clock::now() + kHandshake);
      if (auto channel = Channel::call_on(std::move(*socket), secret, limit)) {
        return {std::move(*channel), host};
      }
    } catch (const Error& error) {
      fail("what answers at {} is not rank 0 of this training: {}", address.text(), error.what());
    }
    answered = true;
    std::this_thread::sleep_for(200ms);
  }
  if (answered) {
    fail("what answers at {} is not rank 0 of this training: it says nothing of it",
         address.text());
  }
  fail("rank 0 did not answer at {} within {:.0f} s", address.text(), place.join_seconds);
}

Meeting be_met(const Place& place, const Address& address, const std::string& secret,
               std::unique_ptr<HeldPort>& held, FrontEnd& front_end) {
  auto [connection, host] = reached(place, address, secret, front_end);
  Channel* channel = &connection;
  held = ring_port(place, host);
  if (!channel->send(hello_of(place, text_of(held)))) {
    fail("rank 0 at {} is gone before the training began", address.text());
  }
  const Clock::time_point deadline = after(place.join_seconds);
  std::optional<json> roll;
  while (!roll && channel->is_open() && Clock::now() < deadline + kAnswer) {
    front_end.check_cancelled();
    roll = channel->receive(Clock::now() + 500ms);
  }
  if (!roll) fail("rank 0 at {} is gone before the training began", address.text());
  if (roll->contains("refused")) throw Error(roll->value("refused", std::string()));
  Meeting meeting;
  meeting.addresses = roll->value("rings", std::vector<std::string>());
  const auto hosts = roll->value("hosts", std::vector<std::string>());
  const auto processes = roll->value("processes", std::vector<int64_t>());
  if (hosts.size() != processes.size() || hosts.size() != static_cast<size_t>(place.size) ||
      meeting.addresses.size() != hosts.size()) {
    fail("rank 0 at {} says nothing that this graft knows", address.text());
  }
  for (size_t rank = 0; rank < hosts.size(); ++rank) {
    meeting.members.push_back({static_cast<int>(rank), hosts[rank], processes[rank]});
  }
  meeting.channels.push_back(std::move(*channel));
  return meeting;
}

}  // namespace

Meeting meet(const Place& place, const Address& address, const std::string& secret,
             std::unique_ptr<HeldPort>& held, FrontEnd& front_end) {
  if (place.rank != 0) return be_met(place, address, secret, held, front_end);
  const Socket listener = listening_socket(address);  // before a port that is any
  held = ring_port(place, own_host(listener.descriptor()));
  return Host(place, secret, text_of(held), front_end).meet(listener, address);
}

}  // namespace graft::distributed
