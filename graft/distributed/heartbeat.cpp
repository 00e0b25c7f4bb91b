#include "graft/distributed/heartbeat.h"

#include <fmt/format.h>
#include <poll.h>

#include <algorithm>
#include <utility>

namespace graft::distributed {
namespace {

using namespace std::chrono_literals;

constexpr auto kTurn = 50ms;
constexpr auto kNews = 3s;  // for what happened to a process to be heard of

std::chrono::milliseconds milliseconds(double seconds) {
  return std::chrono::milliseconds(static_cast<int64_t>(seconds * 1000));
}

constexpr size_t kSteps = 9;  // the middle one of which counts: a save in between is not work

template <class Values>
double median(const Values& values) {
  if (values.empty()) return 0;
  std::vector<double> sorted(values.begin(), values.end());
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

}  // namespace

std::string Member::text() const {
  return fmt::format("rank {} ({}, process {})", rank, host, process);
}

Heartbeat::Heartbeat(int rank, const std::vector<Member>& members, std::vector<Channel> channels,
                     Handlers handlers, HeartbeatOptions options)
    : own_(members[static_cast<size_t>(rank)]), handlers_(std::move(handlers)), options_(options) {
  for (size_t i = 0; i < channels.size(); ++i) {
    peers_.push_back({members[is_first() ? i + 1 : 0], std::move(channels[i]), Clock::now()});
  }
  thread_ = std::thread([this] { run(); });
}

Heartbeat::~Heartbeat() {
  leave("it ended without a word");
  thread_.join();
}

void Heartbeat::call_begins(std::optional<double> worked) {
  const std::lock_guard lock(mutex_);
  if (worked) work_.push_back(*worked);
  if (work_.size() > kSteps) work_.pop_front();
  if (ended_) throw PeerLost(*ended_);
  called_ = Clock::now();
}

void Heartbeat::call_ends() {
  const std::lock_guard lock(mutex_);
  called_.reset();
}

std::string Heartbeat::explained(const std::string& what) {
  std::unique_lock lock(mutex_);
  called_.reset();
  changed_.wait_for(lock, kNews, [this] { return ended_.has_value(); });
  return ended_.value_or(what);
}

std::optional<std::string> Heartbeat::ended() const {
  const std::lock_guard lock(mutex_);
  return ended_;
}

void Heartbeat::leave(const std::string& why) {
  const std::lock_guard lock(mutex_);
  if (!leaving_) leaving_ = why;
  changed_.notify_all();
}

// It is all over: who does not end by itself is ended.
void Heartbeat::end(const std::string& why) {
  {
    const std::lock_guard lock(mutex_);
    if (ended_) return;
    ended_ = why;
    changed_.notify_all();
  }
  if (!is_first()) return;
  for (Peer& peer : peers_) peer.channel.send({{"end", why}});
}

void Heartbeat::take(Peer& peer, const json& message) {
  const auto text = [&](const char* name) -> std::optional<std::string> {
    const auto found = message.find(name);
    if (found == message.end() || !found->is_string()) return {};
    return found->get<std::string>();
  };
  peer.heard = Clock::now();
  if (const auto found = message.find("work"); found != message.end() && found->is_number()) {
    peer.work = found->get<double>();
  }
  if (const auto why = text("end")) end(*why);
  if (const auto why = text("bye")) {
    peer.left = true;
    if (!why->empty()) end(fmt::format("{}: {}", peer.member.text(), *why));
  }
}

void Heartbeat::listen_to(Peer& peer) {
  while (const auto message = peer.channel.receive(Clock::now())) take(peer, *message);
  if (peer.left) return;
  if (!peer.channel.is_open()) {
    peer.left = true;
    end(fmt::format("{} is gone: it was killed, or its memory or its connection ended",
                    peer.member.text()));
  } else if (Clock::now() - peer.heard > milliseconds(options_.silent_seconds)) {
    peer.left = true;
    end(fmt::format("{} has said nothing for {:.0f} s: it is stopped, or cut off from the network",
                    peer.member.text(), options_.silent_seconds));
  }
}

void Heartbeat::beat() {
  double work = 0;
  {
    const std::lock_guard lock(mutex_);
    work = median(work_);
  }
  for (Peer& peer : peers_) {
    if (!peer.left) peer.channel.send({{"work", work}});
  }
}

// All make the same steps: who works much longer at them keeps the others waiting.
void Heartbeat::compare_work() {
  std::vector<double> work;
  {
    const std::lock_guard lock(mutex_);
    work.push_back(median(work_));
  }
  for (const Peer& peer : peers_) work.push_back(peer.work);
  for (size_t i = 0; i < work.size(); ++i) {
    std::vector<double> others = work;
    others.erase(others.begin() + static_cast<std::ptrdiff_t>(i));
    const double usual = median(others);
    bool& is_told = i == 0 ? is_slow_ : peers_[i - 1].is_slow;
    if (usual <= 0 || work[i] < options_.slow * usual || is_told) continue;
    is_told = true;
    handlers_.warn(fmt::format("{} takes {:.0f} times as long as the others, which wait for it",
                               (i == 0 ? own_ : peers_[i - 1].member).text(), work[i] / usual));
  }
}

// Whether this process has to be ended: it waits for one that is gone, or does not come to its end.
bool Heartbeat::is_stuck(Clock::time_point since) const {
  const Clock::time_point current = Clock::now();
  if (current > since + milliseconds(options_.end_seconds)) return true;
  return called_ && current > std::max(since, *called_) + milliseconds(options_.grace_seconds);
}

void Heartbeat::run() {
  Clock::time_point next_beat = Clock::now(), next_window = Clock::now();
  std::optional<Clock::time_point> over;
  for (;;) {
    for (Peer& peer : peers_) {
      if (!peer.left) listen_to(peer);
    }
    if (Clock::now() >= next_beat) {
      beat();
      next_beat = Clock::now() + milliseconds(options_.beat_seconds);
    }
    if (is_first() && Clock::now() >= next_window) {
      compare_work();
      next_window = Clock::now() + milliseconds(options_.window_seconds);
    }
    std::unique_lock lock(mutex_);
    if (leaving_) break;
    if (ended_ && !over) over = Clock::now();
    if (over && is_stuck(*over)) {
      const std::string why = *ended_;
      lock.unlock();
      handlers_.end(why);
      return;
    }
    changed_.wait_for(lock, kTurn, [this] { return leaving_.has_value(); });
  }
  const std::string why = *leaving_;
  if (is_first() && !why.empty()) end(fmt::format("{}: {}", own_.text(), why));
  for (Peer& peer : peers_) {
    if (!peer.left) peer.channel.send({{"bye", is_first() ? std::string() : why}});
  }
}

}  // namespace graft::distributed
