#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "graft/base/error.h"
#include "graft/hub/environment.h"

namespace graft::hub {

/// The server could not be reached, or the connection broke off: trying again may help.
class ConnectionError : public Error {
 public:
  using Error::Error;
};

struct Response {
  long status = 0;
  std::map<std::string, std::string> headers;  // of the last hop; names in lower case
  std::string body;                            // if no sink took it; more than 8 MB is an Error

  /// A header's value, or nothing.
  std::string header(const std::string& name) const {
    auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

struct Request {
  std::string method = "GET";  // GET, HEAD, POST or PUT
  std::string url;
  std::vector<std::string> headers{};
  std::string body{};
  /// A body that is read while it is sent, instead of `body`: `source` copies bytes of it, from
  /// position `at` on, into `to` and returns how many, at least one.
  uint64_t source_size = 0;
  std::function<size_t(uint64_t at, char* to, size_t room)> source{};
  bool answered_late = false;  // the server may have to assemble large files before it answers
  /// Sees the answer of the last hop before its body, and decides whether `sink` takes the body.
  std::function<bool(const Response&)> wants_body{};
  /// Takes the body piece by piece; false breaks the transfer off.
  std::function<bool(std::string_view)> sink{};
};

/// Takes a line for a person.
using Say = std::function<void(const std::string&)>;

/// A POST of a JSON text.
Request post_json(const std::string& url, const std::string& text,
                  const std::string& type = "application/json");

/// Requests to the Hub. The token goes to the endpoint's own origin and to no other, wherever a
/// redirect leads; certificates are always verified; proxies are those of the environment. Several
/// threads may use it. If the front end cancels, a running transfer throws Cancelled.
class Http {
 public:
  explicit Http(const Environment& environment) : environment_(environment) {}

  const Environment& environment() const { return environment_; }

  /// One request, with redirects followed. Throws ConnectionError, and Error if the address or a
  /// certificate is at fault.
  Response send_once(const Request& request) const;
  /// The same, retried with growing pauses after a ConnectionError or an answer that
  /// `is_transient`; `say` (else the front end) gets a line for each retry. For requests without a
  /// sink.
  Response send(const Request& request, const Say& say = {}) const;

  /// Waits; throws Cancelled if the front end cancels.
  void pause(double seconds) const;

 private:
  Response hop(const Request& request, const std::string& url, std::string& redirect) const;

  const Environment& environment_;
};

/// Whether trying again may help: 408, 429, 5xx, and the 400 that S3 sends instead of 408.
bool is_transient(const Response& response);
/// Throws ConnectionError that names `what` for such an answer.
void check_not_transient(const Response& response, const std::string& what);

/// The pause before try `attempt` + 1 (0 is the first): twice as long each time, or what the
/// server's Retry-After says, at most a minute.
double pause_seconds(int attempt, const Response* response);

/// Tries of a request without any progress before it is given up.
constexpr int kTries = 6;

}  // namespace graft::hub
