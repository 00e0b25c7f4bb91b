#include "graft/hub/http.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <thread>

#include "tests/support/recording_front_end.h"

namespace graft::hub {
namespace {

// Takes connections and never answers.
class SilentServer {
 public:
  SilentServer() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    const bool good = ::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0 &&
                      ::listen(socket_, 4) == 0 &&
                      ::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0;
    EXPECT_TRUE(good);
    port_ = ntohs(address.sin_port);
  }
  ~SilentServer() { ::close(socket_); }
  SilentServer(const SilentServer&) = delete;
  SilentServer& operator=(const SilentServer&) = delete;

  std::string url() const { return fmt::format("http://127.0.0.1:{}", port_); }

 private:
  int socket_;
  int port_ = 0;
};

TEST(Http, AFrontEndStopsWhatIsUnderWay) {
  const SilentServer server;
  const auto front_end = std::make_shared<testing::RecordingFrontEnd>();
  Environment environment;
  environment.endpoint = server.url();
  environment.front_end = front_end;
  const Http http(environment);
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    front_end->cancel = true;
  });
  const auto start = std::chrono::steady_clock::now();
  Request request;
  request.url = server.url() + "/api";
  EXPECT_THROW(http.send(request), Cancelled);
  later.join();
  EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
  EXPECT_THROW(http.pause(60), Cancelled);
}

TEST(Http, AnotherTryIsToldToTheFrontEnd) {
  const auto front_end = std::make_shared<testing::RecordingFrontEnd>();
  Environment environment;
  {
    const SilentServer closed;
    environment.endpoint = closed.url();
  }
  environment.front_end = front_end;
  const Http http(environment);
  std::thread later([&] {
    while (front_end->notes_so_far() == 0) {
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    front_end->cancel = true;
  });
  Request request;
  request.url = environment.endpoint + "/api";
  EXPECT_THROW(http.send(request), Cancelled);
  later.join();
  ASSERT_FALSE(front_end->notes.empty());
  EXPECT_NE(front_end->notes[0].find("; trying again in 0.5 s"), std::string::npos);
}

}  // namespace
}  // namespace graft::hub
