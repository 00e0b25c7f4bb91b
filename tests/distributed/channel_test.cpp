#include "graft/distributed/channel.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <future>
#include <string>
#include <utility>

#include "graft/base/error.h"

namespace graft::distributed {
namespace {

using namespace std::chrono_literals;

#ifdef MSG_NOSIGNAL
constexpr int kNoSignal = MSG_NOSIGNAL;
#else
constexpr int kNoSignal = 0;
#endif

std::pair<Socket, Socket> connected_pair() {
  int ends[2];
  EXPECT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  return {Socket(ends[0]), Socket(ends[1])};
}

Clock::time_point soon() { return Clock::now() + 2s; }

// Both ends of a connection, each with its secret.
std::pair<std::optional<Channel>, std::optional<Channel>> met(const std::string& host,
                                                              const std::string& caller) {
  auto [a, b] = connected_pair();
  auto other = std::async(std::launch::async, [socket = std::move(b), &caller]() mutable {
    try {
      return Channel::call_on(std::move(socket), caller, soon());
    } catch (const Error&) {
      return std::optional<Channel>();
    }
  });
  auto one = Channel::welcome(std::move(a), host, soon());
  return {std::move(one), other.get()};
}

// What a stranger sends to one that welcomes: whether it is taken for one that knows the secret.
bool is_welcome(const std::string& bytes) {
  auto [a, b] = connected_pair();
  EXPECT_EQ(::send(b.descriptor(), bytes.data(), bytes.size(), kNoSignal),
            static_cast<ssize_t>(bytes.size()));
  ::shutdown(b.descriptor(), SHUT_WR);
  return Channel::welcome(std::move(a), "secret", soon()).has_value();
}

TEST(ChannelTest, CarriesMessagesBothWaysInOrder) {
  auto [host, caller] = met("secret", "secret");
  ASSERT_TRUE(host && caller);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(host->send({{"number", i}, {"text", std::string(static_cast<size_t>(i), 'x')}}));
    ASSERT_TRUE(caller->send({{"number", -i}}));
  }
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(caller->receive(soon())->at("number"), i);
    EXPECT_EQ(host->receive(soon())->at("number"), -i);
  }
  EXPECT_FALSE(host->receive(Clock::now()));  // nothing more, and still open
  EXPECT_TRUE(host->is_open());
  caller->send({{"bye", ""}});
  caller->close();
  EXPECT_TRUE(host->receive(soon())->contains("bye"));  // what was sent before the end
  EXPECT_FALSE(host->receive(soon()));
  EXPECT_FALSE(host->is_open());
  EXPECT_FALSE(host->send({{"late", 1}}));
}

TEST(ChannelTest, WhoDoesNotKnowTheSecretIsNoPartner) {
  const auto [host, caller] = met("secret", "another");
  EXPECT_FALSE(host);
  EXPECT_FALSE(caller);
}

// One that sends everything back proves nothing.
TEST(ChannelTest, AnEchoIsNoPartner) {
  auto [a, b] = connected_pair();
  const int echo = b.descriptor();
  auto other = std::async(std::launch::async, [echo] {
    char bytes[512];
    for (ssize_t n = 0; (n = ::recv(echo, bytes, sizeof bytes, 0)) > 0;) {
      if (::send(echo, bytes, static_cast<size_t>(n), kNoSignal) < 0) break;
    }
  });
  EXPECT_FALSE(Channel::call_on(std::move(a), "secret", soon()));
  other.get();
}

TEST(ChannelTest, StrangersAreRefusedWhateverTheySay) {
  const std::string hello = R"({"graft":1,"challenge":"0123456789abcdef0123456789abcdef"})";
  const auto framed = [](const std::string& body) {
    return fmt::format("{:08x}", body.size()) + body;
  };
  EXPECT_FALSE(is_welcome(""));
  EXPECT_FALSE(is_welcome("GET / HTTP/1.1\r\n\r\n"));
  EXPECT_FALSE(is_welcome(framed(hello)));
  EXPECT_FALSE(is_welcome(framed(hello) + framed(R"({"proof":""})")));
  EXPECT_FALSE(is_welcome(framed(hello) + framed(R"({"proof":17})")));
  EXPECT_FALSE(is_welcome(framed("[]")));
  EXPECT_FALSE(is_welcome(framed(R"({"challenge":"short"})")));
  EXPECT_FALSE(is_welcome("ffffffff{"));                     // of 4 GB
  EXPECT_FALSE(is_welcome(framed(std::string(2000, '['))));  // more than a stranger may say
  EXPECT_FALSE(is_welcome(framed(std::string(500, '[') + "1")));
}

TEST(ChannelTest, SecretsAreLongAndNew) {
  EXPECT_EQ(new_secret().size(), 64u);
  EXPECT_NE(new_secret(), new_secret());
}

}  // namespace
}  // namespace graft::distributed
