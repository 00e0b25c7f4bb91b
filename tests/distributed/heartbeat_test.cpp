#include "graft/distributed/heartbeat.h"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <atomic>
#include <future>
#include <memory>

namespace graft::distributed {
namespace {

using namespace std::chrono_literals;

std::pair<Channel, Channel> channels() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  auto other = std::async(std::launch::async, [end = ends[1]] {
    return Channel::call_on(Socket(end), "s", Clock::now() + 2s);
  });
  auto one = Channel::welcome(Socket(ends[0]), "s", Clock::now() + 2s);
  return {std::move(*one), std::move(*other.get())};
}

// Three processes, whose last one this test plays itself.
class HeartbeatTest : public ::testing::Test {
 protected:
  HeartbeatTest() : players_(channels()) {
    auto [to_second, of_second] = channels();
    std::vector<Channel> of_first, second;
    of_first.push_back(std::move(to_second));
    of_first.push_back(std::move(players_.first));
    second.push_back(std::move(of_second));
    first_ = start(0, std::move(of_first));
    second_ = start(1, std::move(second));
  }

  std::unique_ptr<Heartbeat> start(int rank, std::vector<Channel> channels) {
    const std::vector<Member> members = {{0, "a", 10}, {1, "b", 11}, {2, "c", 12}};
    const auto end = [this, rank](const std::string& why) {
      const std::lock_guard lock(mutex_);
      ended_by_force_[rank] = why;
    };
    const auto warn = [this](const std::string& what) {
      const std::lock_guard lock(mutex_);
      warned_ = what;
    };
    return std::make_unique<Heartbeat>(rank, members, std::move(channels),
                                       Heartbeat::Handlers{warn, end}, options_);
  }

  std::string ended_by_force(int rank) {
    const std::lock_guard lock(mutex_);
    return ended_by_force_[rank];
  }

  template <class Condition>
  static bool comes_true(Condition condition) {
    for (int i = 0; i < 300 && !condition(); ++i) std::this_thread::sleep_for(10ms);
    return condition();
  }

  Channel& player() { return players_.second; }

  HeartbeatOptions options_{.beat_seconds = 0.05,
                            .silent_seconds = 0.5,
                            .grace_seconds = 0.3,
                            .end_seconds = 1.5,
                            .window_seconds = 0.3};
  std::pair<Channel, Channel> players_;
  std::string ended_by_force_[2];
  std::mutex mutex_;
  std::string warned_;
  std::unique_ptr<Heartbeat> first_, second_;
};

TEST_F(HeartbeatTest, AProcessThatIsGoneEndsAll) {
  second_->call_begins(0.1);
  player().close();
  ASSERT_TRUE(comes_true([&] { return second_->ended().has_value(); }));
  // The call fails, and it is known why.
  EXPECT_EQ(second_->explained("a call failed"),
            "rank 2 (c, process 12) is gone: it was killed, or its memory or its connection ended");
  EXPECT_EQ(first_->explained("a call failed"), second_->explained("a call failed"));
  EXPECT_THROW(second_->call_begins(0.1), PeerLost);
  std::this_thread::sleep_for(700ms);
  EXPECT_EQ(ended_by_force(1), "");  // it is about to end by itself
  // But not for ever.
  EXPECT_TRUE(comes_true([&] { return !ended_by_force(1).empty(); }));
}

TEST_F(HeartbeatTest, OneThatIsSilentDoesTooAndWhoWaitsForItIsEnded) {
  second_->call_begins({});
  ASSERT_TRUE(comes_true([&] { return second_->ended().has_value(); }));
  EXPECT_NE(second_->ended()->find("rank 2 (c, process 12) has said nothing"), std::string::npos);
  const auto start = Clock::now();
  EXPECT_TRUE(comes_true([&] { return !ended_by_force(1).empty(); }));
  EXPECT_LT(Clock::now() - start, 1200ms);
  EXPECT_EQ(ended_by_force(1), *second_->ended());
}

TEST_F(HeartbeatTest, OneThatEndsInOrderEndsNobody) {
  player().send({{"bye", ""}});
  player().close();
  std::this_thread::sleep_for(1s);
  EXPECT_FALSE(first_->ended());
  first_->leave("");  // in order, too
  first_.reset();
  std::this_thread::sleep_for(1s);
  EXPECT_FALSE(second_->ended());
  EXPECT_EQ(second_->explained("a call failed"), "a call failed");
}

TEST_F(HeartbeatTest, OneThatEndsWithoutAWordHasFailed) {
  second_.reset();  // by an exception on its way, say
  EXPECT_TRUE(comes_true([&] { return first_->ended().has_value(); }));
  EXPECT_EQ(*first_->ended(), "rank 1 (b, process 11): it ended without a word");
}

TEST_F(HeartbeatTest, WhyOneEndsIsToldToAll) {
  second_->leave("the disk is full");
  ASSERT_TRUE(comes_true([&] { return first_->ended().has_value(); }));
  EXPECT_EQ(*first_->ended(), "rank 1 (b, process 11): the disk is full");
  const auto told = player().receive(Clock::now() + 2s);
  for (auto message = told; message; message = player().receive(Clock::now() + 2s)) {
    if (!message->contains("end")) continue;
    EXPECT_EQ(message->at("end"), "rank 1 (b, process 11): the disk is full");
    return;
  }
  FAIL() << "the third process was not told";
}

TEST_F(HeartbeatTest, WhoKeepsTheOthersWaitingIsNamedOnce) {
  std::atomic<bool> ends = false;
  auto player_beats = std::async(std::launch::async, [&] {
    while (!ends) {
      player().send({{"work", 0.02}});
      for (Heartbeat* one : {first_.get(), second_.get()}) {
        one->call_begins(0.001);
        one->call_ends();
      }
      std::this_thread::sleep_for(20ms);
    }
  });
  EXPECT_TRUE(comes_true([&] {
    const std::lock_guard lock(mutex_);
    return !warned_.empty();
  }));
  {
    const std::lock_guard lock(mutex_);
    EXPECT_TRUE(warned_.starts_with("rank 2 (c, process 12) takes ")) << warned_;
    warned_.clear();
  }
  std::this_thread::sleep_for(1s);
  ends = true;
  player_beats.get();
  const std::lock_guard lock(mutex_);
  EXPECT_EQ(warned_, "");
}

}  // namespace
}  // namespace graft::distributed
