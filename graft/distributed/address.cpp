#include "graft/distributed/address.h"

#include <fmt/format.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <memory>

#include "graft/base/error.h"
#include "graft/distributed/socket.h"

namespace graft::distributed {

Address Address::parse(const std::string& text, const std::string& what) {
  const size_t colon = text.rfind(':');
  Address address;
  const bool has_port = colon != std::string::npos && colon > 0 && colon + 1 < text.size();
  if (has_port) {
    address.host = text.substr(0, colon);
    const char *begin = text.data() + colon + 1, *end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, address.port);
    if (error == std::errc() && stop == end) {
      const bool brackets = address.host.starts_with('[') && address.host.ends_with(']');
      if (brackets) address.host = address.host.substr(1, address.host.size() - 2);
      if (!address.host.empty() && (brackets || address.host.find(':') == std::string::npos)) {
        return address;
      }
    }
  }
  fail_usage("{} is {}, which is no address such as 10.0.0.1:32323", what, text);
}

std::string Address::text() const {
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0) return "this host";
  return name.data();
}

std::string numeric_host(const std::string& name) {
  addrinfo hints{};
  hints.ai_family = AF_INET;  // as MLX's ring takes
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int code = ::getaddrinfo(name.c_str(), nullptr, &hints, &found);
  if (code != 0) fail("the host {} is not known here: {}", name, ::gai_strerror(code));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, ::freeaddrinfo);
  const std::string numeric = numeric_text(found->ai_addr, found->ai_addrlen, name);
  // Debian's /etc/hosts has a machine's own name so.
  return numeric.starts_with("127.") ? outward_address() : numeric;
}

std::string outward_address() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) fail("the addresses of this machine are not known");
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> owner(all, ::freeifaddrs);
  for (const ifaddrs* one = all; one != nullptr; one = one->ifa_next) {
    if (one->ifa_addr == nullptr || one->ifa_addr->sa_family != AF_INET) continue;
    if ((one->ifa_flags & IFF_UP) == 0 || (one->ifa_flags & IFF_LOOPBACK) != 0) continue;
    return numeric_text(one->ifa_addr, sizeof(sockaddr_in), one->ifa_name);
  }
  fail("{} has no address that other hosts could reach", host_name());
}

HeldPort::HeldPort(const std::string& host) : address_{host, 0} {
  socket_ = bound_socket(address_).give_away();
  address_.port = port_of(socket_);
}

HeldPort::~HeldPort() { ::close(socket_); }

}  // namespace graft::distributed
