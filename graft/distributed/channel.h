#pragma once

#include <optional>
#include <string>

#include "graft/base/json_types.h"
#include "graft/distributed/socket.h"

namespace graft::distributed {

/// A connection between two processes of a training that both know a secret, over which short JSON
/// objects go, each behind its length.
class Channel {
 public:
  /// Both ends prove to each other that they know `secret`: each answers the other's random
  /// challenge by HMAC-SHA256 of it, of both challenges and of its own part, who calls before who
  /// welcomes. The secret itself is not sent, and neither is what they say later hidden. None for
  /// one that says what is no message, or nothing until `deadline`, or does not know the secret.
  static std::optional<Channel> welcome(Socket socket, const std::string& secret,
                                        Clock::time_point deadline);
  /// The same for who calls. Throws Error for one that answers and does not know the secret, or to
  /// whom this one does not seem to.
  static std::optional<Channel> call_on(Socket socket, const std::string& secret,
                                        Clock::time_point deadline);

  /// Returns whether it was sent.
  bool send(const json& message);
  /// The next message; none until `deadline`, or at the end of the connection (see `is_open`),
  /// which a message that is none ends, too.
  std::optional<json> receive(Clock::time_point deadline);

  int descriptor() const { return socket_.descriptor(); }
  bool is_open() const { return socket_.is_open(); }
  void close() { socket_ = {}; }

 private:
  explicit Channel(Socket socket) : socket_(std::move(socket)) {}
  std::optional<std::string> exchanged_challenge(const std::string& own,
                                                 Clock::time_point deadline);
  std::optional<json> buffered();

  Socket socket_;
  std::string buffer_;        // received, and of no whole message yet
  size_t longest_ = 1 << 10;  // message that is taken: of a stranger, until it has proved itself
};

/// 64 random hexadecimal digits.
std::string new_secret();

}  // namespace graft::distributed
