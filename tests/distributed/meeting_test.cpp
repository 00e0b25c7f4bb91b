#include "graft/distributed/meeting.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <future>
#include <memory>
#include <thread>
#include <vector>

#include "tests/support/expect_error.h"

namespace graft::distributed {
namespace {

class MeetingTest : public ::testing::Test {
 protected:
  MeetingTest() : address_(HeldPort("127.0.0.1").address()) {}

  Place place(int rank, int size, double seconds = 10) const {
    Place place;
    place.rank = rank;
    place.size = size;
    place.join_seconds = seconds;
    return place;
  }

  // In a thread of its own.
  std::future<Meeting> joining(const Place& place, const std::string& secret = "s") {
    return std::async(std::launch::async, [this, place, secret] {
      std::unique_ptr<HeldPort> held;
      return meet(place, address_, secret, held, *silent_front_end());
    });
  }

  Address address_;
};

TEST_F(MeetingTest, TellsAllWhoTheOthersAre) {
  std::vector<std::future<Meeting>> all;
  for (const int rank : {2, 0, 3, 1}) all.push_back(joining(place(rank, 4)));
  std::vector<Meeting> meetings;
  for (auto& one : all) meetings.push_back(one.get());
  for (const Meeting& meeting : meetings) {
    ASSERT_EQ(meeting.members.size(), 4u);
    for (int rank = 0; rank < 4; ++rank) {
      const Member& member = meeting.members[static_cast<size_t>(rank)];
      EXPECT_EQ(member.rank, rank);
      EXPECT_EQ(member.host, host_name());
      EXPECT_TRUE(meeting.addresses[static_cast<size_t>(rank)].starts_with("127.0.0.1:"));
    }
    EXPECT_EQ(meeting.addresses, meetings[0].addresses);
  }
  EXPECT_EQ(meetings[0].channels.size(), 1u);
  EXPECT_EQ(meetings[1].channels.size(), 3u);  // rank 0's
}

TEST_F(MeetingTest, SaysWhoIsMissing) {
  auto first = joining(place(0, 4, 1)), second = joining(place(2, 4, 10));
  EXPECT_EQ(testing::error_of([&] { first.get(); }), "ranks 1, 3 did not start within 1 s");
  EXPECT_EQ(testing::error_of([&] { second.get(); }), "ranks 1, 3 did not start within 1 s");
  testing::expect_error([&] { joining(place(1, 2, 1)).get(); }, "rank 0 did not answer");
}

TEST_F(MeetingTest, SaysWhatDoesNotFit) {
  {
    auto first = joining(place(0, 2)), second = joining(place(1, 3));
    testing::expect_error([&] { first.get(); },
                          "was started as rank 1 of 3, and rank 0 as one of 2");
    testing::expect_error([&] { second.get(); }, "was started as rank 1 of 3");
  }
  {
    auto first = joining(place(0, 3)), second = joining(place(1, 3)), third = joining(place(1, 3));
    testing::expect_error([&] { first.get(); }, "rank 1 was started twice");
    testing::expect_error([&] { second.get(); }, "rank 1 was started twice");
    testing::expect_error([&] { third.get(); }, "rank 1 was started twice");
  }
  {
    Place other = place(1, 2);
    other.backend = "mpi";
    auto first = joining(place(0, 2)), second = joining(other);
    testing::expect_error([&] { first.get(); }, "with the backend mpi, and rank 0 with ring");
    testing::expect_error([&] { second.get(); }, "with the backend mpi");
  }
  {
    auto first = joining(place(0, 2, 2)), second = joining(place(1, 2, 2), "another");
    testing::expect_error([&] { second.get(); }, "does not know the training's secret");
    testing::expect_error([&] { first.get(); }, "rank 1 did not start");
  }
}

// They are asked beside the others: nobody waits for them.
TEST_F(MeetingTest, StrangersThatSayNothingKeepNobodyWaiting) {
  auto first = joining(place(0, 2, 8));
  std::vector<Socket> mute;
  for (int i = 0; i < 5; ++i) {
    auto socket = connected(address_, Clock::now() + std::chrono::seconds(5));
    ASSERT_TRUE(socket);
    mute.push_back(std::move(*socket));
  }
  const auto start = Clock::now();
  auto second = joining(place(1, 2, 8));
  EXPECT_EQ(second.get().members.size(), 2u);
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(4));
  mute.clear();
  EXPECT_EQ(first.get().members.size(), 2u);
}

// Its place is free: the one that is started in its stead is no second one.
TEST_F(MeetingTest, OneThatIsGoneBeforeAllAreThereMayComeAgain) {
  auto first = joining(place(0, 3));
  {
    auto socket = connected(address_, Clock::now() + std::chrono::seconds(5));
    ASSERT_TRUE(socket);
    auto channel =
        Channel::call_on(std::move(*socket), "s", Clock::now() + std::chrono::seconds(5));
    ASSERT_TRUE(channel);
    channel->send({{"rank", 1},
                   {"size", 3},
                   {"host", "h"},
                   {"process", 1},
                   {"backend", "ring"},
                   {"ring", ""},
                   {"version", GRAFT_VERSION}});
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
  auto second = joining(place(1, 3)), third = joining(place(2, 3));
  EXPECT_EQ(first.get().members[1].process, static_cast<int64_t>(::getpid()));
  EXPECT_EQ(second.get().members.size(), 3u);
  EXPECT_EQ(third.get().members.size(), 3u);
}

TEST_F(MeetingTest, APortThatIsTakenIsNamed) {
  const Socket taken = listening_socket(address_);
  testing::expect_error([&] { joining(place(0, 2)).get(); }, "is taken by another program");
  address_ = {"203.0.113.7", 4711};  // of documentation
  testing::expect_error([&] { joining(place(0, 2)).get(); }, "is no address of this machine");
  address_ = {"no-such-host.invalid", 4711};
  testing::expect_error([&] { joining(place(0, 2)).get(); }, "is not known here");
}

}  // namespace
}  // namespace graft::distributed
