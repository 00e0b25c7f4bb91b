#include "graft/distributed/socket.h"

#include <fcntl.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>

#include "graft/base/error.h"

namespace graft::distributed {
namespace {

using AddressInfo = std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)>;

std::string reason(int error) { return std::generic_category().message(error); }

// Of a name the IPv4 addresses, which MLX's ring takes.
AddressInfo resolved(const Address& address) {
  addrinfo hints{};
  hints.ai_family = address.host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const std::string port = std::to_string(address.port);
  const int code = ::getaddrinfo(address.host.c_str(), port.c_str(), &hints, &found);
  if (code != 0) fail("the host {} is not known here: {}", address.host, ::gai_strerror(code));
  return {found, ::freeaddrinfo};
}

int new_socket(const addrinfo& info) {
  const int descriptor = ::socket(info.ai_family, info.ai_socktype, info.ai_protocol);
  if (descriptor >= 0) ::fcntl(descriptor, F_SETFD, FD_CLOEXEC);
  return descriptor;
}

// Waits until it can be written, which is when it is connected. Returns whether it is.
bool finishes_connecting(int descriptor, Clock::time_point deadline) {
  pollfd wanted{descriptor, POLLOUT, 0};
  while (::poll(&wanted, 1, milliseconds_until(deadline)) <= 0) {
    if (Clock::now() >= deadline) return false;
  }
  int error = 0;
  socklen_t size = sizeof error;
  ::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &size);
  return error == 0;
}

}  // namespace

int milliseconds_until(Clock::time_point deadline) {
  const auto left =
      std::chrono::duration_cast<std::chrono::milliseconds>(deadline - Clock::now()).count();
  return static_cast<int>(std::clamp<int64_t>(left, 0, 1000));
}

Socket::~Socket() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

Socket& Socket::operator=(Socket&& other) noexcept {
  if (this != &other) {
    if (descriptor_ >= 0) ::close(descriptor_);
    descriptor_ = other.give_away();
  }
  return *this;
}

int Socket::give_away() { return std::exchange(descriptor_, -1); }

Socket bound_socket(const Address& address) {
  const AddressInfo info = resolved(address);
  int error = 0;
  for (const addrinfo* one = info.get(); one != nullptr; one = one->ai_next) {
    Socket socket(new_socket(*one));
    if (!socket.is_open()) {
      error = errno;
      continue;
    }
    const int on = 1;
    ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address.port == 0) {  // what MLX sets, so that it can share the port
      ::setsockopt(socket.descriptor(), SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
    }
    if (::bind(socket.descriptor(), one->ai_addr, one->ai_addrlen) == 0) return socket;
    error = errno;
    if (error == EADDRINUSE) break;
  }
  if (error == EADDRINUSE) {
    fail("port {} of {} is taken by another program: `port` chooses another one", address.port,
         address.host);
  }
  if (error == EADDRNOTAVAIL) {
    fail("{} is no address of this machine ({}): the hosts' addresses are wrong, or their order",
         address.host, host_name());
  }
  fail("{} cannot be listened on: {}", address.text(), reason(error));
}

uint16_t port_of(int socket) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size);
  if (own.ss_family == AF_INET6) return ntohs(reinterpret_cast<sockaddr_in6*>(&own)->sin6_port);
  return ntohs(reinterpret_cast<sockaddr_in*>(&own)->sin_port);
}

std::string numeric_text(const sockaddr* address, socklen_t size, const std::string& what) {
  std::array<char, NI_MAXHOST> host{};
  if (::getnameinfo(address, size, host.data(), host.size(), nullptr, 0, NI_NUMERICHOST) != 0) {
    fail("the address of {} is not known", what);
  }
  return host.data();
}

std::string own_host(int socket) {
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&own), &size) != 0) {
    fail("the address of a connection is not known: {}", reason(errno));
  }
  return numeric_text(reinterpret_cast<sockaddr*>(&own), size, "a connection");
}

Socket listening_socket(const Address& address) {
  Socket socket = bound_socket(address);
  const int flags = ::fcntl(socket.descriptor(), F_GETFL);
  ::fcntl(socket.descriptor(), F_SETFL,
          flags | O_NONBLOCK);  // for who is gone before it is accepted
  if (::listen(socket.descriptor(), 128) == 0) return socket;
  if (errno == EADDRINUSE) {
    fail("port {} of {} is taken by another program: `port` chooses another one", address.port,
         address.host);
  }
  fail("{} cannot be listened on: {}", address.text(), reason(errno));
}

std::optional<Socket> accepted(const Socket& listener, Clock::time_point deadline) {
  for (;;) {
    pollfd wanted{listener.descriptor(), POLLIN, 0};
    const int ready = ::poll(&wanted, 1, milliseconds_until(deadline));
    if (ready > 0) {
      Socket socket(::accept(listener.descriptor(), nullptr, nullptr));
      if (socket.is_open()) {
        ::fcntl(socket.descriptor(), F_SETFD, FD_CLOEXEC);
        ::fcntl(socket.descriptor(), F_SETFL, 0);  // some systems hand O_NONBLOCK on
        return socket;
      }
    }
    if (Clock::now() >= deadline) return {};
  }
}

std::optional<Socket> connected(const Address& address, Clock::time_point deadline) {
  using namespace std::chrono_literals;
  const AddressInfo info = resolved(address);
  for (;;) {
    for (const addrinfo* one = info.get(); one != nullptr; one = one->ai_next) {
      Socket socket(new_socket(*one));
      if (!socket.is_open()) continue;
      const int flags = ::fcntl(socket.descriptor(), F_GETFL);
      ::fcntl(socket.descriptor(), F_SETFL, flags | O_NONBLOCK);
      const bool at_once = ::connect(socket.descriptor(), one->ai_addr, one->ai_addrlen) == 0;
      const auto end = std::min(deadline, Clock::now() + 2s);
      if (at_once || (errno == EINPROGRESS && finishes_connecting(socket.descriptor(), end))) {
        ::fcntl(socket.descriptor(), F_SETFL, flags);
        return socket;
      }
    }
    if (Clock::now() >= deadline) return {};
    std::this_thread::sleep_for(100ms);
  }
}

}  // namespace graft::distributed
