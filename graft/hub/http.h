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

/// The server could not be reached, or went silent or away in the middle: trying again may help.
class ConnectionError : public Error {
 public:
  using Error::Error;
};

struct Response {
  long status = 0;
  std::map<std::string, std::string> headers;  // of the last hop; names in lower case
  std::string body;                            // where no sink took it; more than 8 MB is an Error

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
  /// A body that is read while it is sent, instead of `body`: `source` puts bytes of it from `at`
  /// on at `to`, and says how many, at least one.
  uint64_t source_size = 0;
  std::function<size_t(uint64_t at, char* to, size_t room)> source{};
  bool answered_late = false;  // the server may have to put large files together before it answers
  /// Is shown the answer of the last hop, before its body, and says whether `sink` takes it.
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
/// redirect leads; certificates are always verified; proxies are those of the environment.
/// May be used by several threads. What is under way throws Cancelled if the front end wants it.
class Http {
 public:
  explicit Http(const Environment& environment) : environment_(environment) {}

  const Environment& environment() const { return environment_; }

  /// One request, redirects followed. Throws ConnectionError, and Error for what the address or a
  /// certificate is to blame for.
  Response send_once(const Request& request) const;
  /// The same, tried again with growing pauses after ConnectionError and what `is_transient`; `say`
  /// (else the front end) is told of it. For requests without a sink.
  Response send(const Request& request, const Say& say = {}) const;

  /// Waits, as long as it is not cancelled.
  void pause(double seconds) const;

 private:
  Response hop(const Request& request, const std::string& url, std::string& redirect) const;

  const Environment& environment_;
};

/// An answer after which trying again may help: 408, 429, 5xx, and 400 by which S3 means 408.
bool is_transient(const Response& response);
/// Throws ConnectionError that names `what` for such an answer.
void check_not_transient(const Response& response, const std::string& what);

/// How long to wait before try number `attempt` + 1 (0 the first): twice as long each time, or what
/// the server's Retry-After says, at most a minute.
double pause_seconds(int attempt, const Response* response);

/// Tries that a request is worth, where none of them got anything.
constexpr int kTries = 6;

}  // namespace graft::hub
