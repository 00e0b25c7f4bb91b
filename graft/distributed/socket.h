#pragma once

#include <sys/socket.h>

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "graft/distributed/address.h"

namespace graft::distributed {

/// Seconds from some moment on.
using Clock = std::chrono::steady_clock;

/// To wait for with poll: not below 0, and a second at most.
int milliseconds_until(Clock::time_point deadline);

/// A socket's descriptor, closed at the end.
class Socket {
 public:
  Socket() = default;
  explicit Socket(int descriptor) : descriptor_(descriptor) {}
  ~Socket();
  Socket(Socket&& other) noexcept : descriptor_(other.give_away()) {}
  Socket& operator=(Socket&& other) noexcept;

  int descriptor() const { return descriptor_; }
  bool is_open() const { return descriptor_ >= 0; }
  int give_away();

 private:
  int descriptor_ = -1;
};

/// A TCP socket bound to that address alone. Throws Error, which names it, if it is none of this
/// machine's, or taken.
Socket bound_socket(const Address& address);
uint16_t port_of(int socket);
/// An address as numbers: "10.0.0.1". Throws Error, which calls it `what`, if it is none.
std::string numeric_text(const sockaddr* address, socklen_t size, const std::string& what);

/// The address of this machine by which the other end of a connection is reached.
std::string own_host(int socket);

/// A socket that listens at an address, and nowhere else. Throws Error as bound_socket does.
Socket listening_socket(const Address& address);
/// The next connection; none until `deadline`.
std::optional<Socket> accepted(const Socket& listener, Clock::time_point deadline);
/// Tries again and again until `deadline`; none then. Throws Error for a host whose name means
/// nothing.
std::optional<Socket> connected(const Address& address, Clock::time_point deadline);

}  // namespace graft::distributed
