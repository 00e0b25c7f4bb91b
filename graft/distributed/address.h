#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace graft::distributed {

/// An IPv4 or IPv6 address, or a host's name, and a port. Port 0: any that is free.
struct Address {
  std::string host;
  uint16_t port = 0;

  /// "10.0.0.1:32323", "[fe80::1]:32323", "node-1:32323". Throws UsageError, which calls it `what`.
  static Address parse(const std::string& text, const std::string& what);
  std::string text() const;
};

/// This machine's name, as messages have it.
std::string host_name();

/// The first address of a host by its name; of one that is this machine's alone the address by
/// which others reach it. Throws Error if the name means nothing here.
std::string numeric_host(const std::string& name);

/// An IPv4 address of this machine that others may reach: the first that is up and not for itself
/// alone. Throws Error if there is none.
std::string outward_address();

/// A socket that is bound to an address and listens to nobody: MLX's engine, which sets the same
/// options, can listen there, and meanwhile no other user's program can.
class HeldPort {
 public:
  /// Any free port of an address of this machine. Throws Error.
  explicit HeldPort(const std::string& host);
  ~HeldPort();
  HeldPort(const HeldPort&) = delete;
  HeldPort& operator=(const HeldPort&) = delete;

  const Address& address() const { return address_; }

 private:
  Address address_;
  int socket_ = -1;
};

}  // namespace graft::distributed
