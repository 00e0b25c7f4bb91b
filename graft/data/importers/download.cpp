#include "graft/data/importers/download.h"

#include <cstdlib>
#include <string_view>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/hub/address.h"
#include "graft/hub/hash.h"
#include "graft/hub/http.h"

namespace graft::data {
namespace {

constexpr std::string_view kFile = "file://";
constexpr long kTimeoutSeconds = 30;

std::string read_file(const fs::path& path, size_t max_bytes) {
  const MappedFile file(path);
  if (file.size() > max_bytes) {
    fail("it is larger than {} bytes, the most that is taken", max_bytes);
  }
  return std::string(file.text());
}

// Of megabytes; `all` is 0 where the server does not say it.
std::string of_text(double done, double all) {
  return all > 0 ? fmt::format("{:.1f} of {:.1f} MB", done, all) : fmt::format("{:.1f} MB", done);
}

// Without the Hub's token: it is somebody else's address.
std::string fetch(const std::string& url, size_t max_bytes,
                  const std::shared_ptr<FrontEnd>& front_end) {
  hub::Environment environment;
  environment.front_end = front_end;
  environment.timeout_seconds = kTimeoutSeconds;
  std::string body;
  bool too_large = false;
  double total = 0;
  hub::Request request;
  request.url = url;
  request.wants_body = [&](const hub::Response& response) {
    total = std::strtod(response.header("content-length").c_str(), nullptr);
    return true;
  };
  request.sink = [&](std::string_view bytes) {
    too_large = bytes.size() > max_bytes - body.size();
    if (too_large) return false;
    body += bytes;
    const double done = static_cast<double>(body.size()) / 1e6, all = total / 1e6;
    front_end->progress({{all > 0 ? done / all : 0, {of_text(done, all)}}});
    return true;
  };
  const hub::Response response = hub::Http(environment).send_once(request);
  front_end->progress({});
  if (too_large) fail("it is larger than {} bytes, the most that is taken", max_bytes);
  if (response.status / 100 != 2) fail("HTTP status {}", response.status);
  return body;
}

void check_hash(std::string_view bytes, const std::string& expected) {
  hub::Hash hash(hub::HashKind::git, bytes.size());
  hash.add(bytes.data(), bytes.size());
  const std::string found = hash.finish();
  if (found != expected) {
    fail("it is not the file that is expected: its hash as a git blob is {}, not {}", found,
         expected);
  }
}

}  // namespace

std::string download(const std::string& url, size_t max_bytes, const std::string& git_hash,
                     const std::shared_ptr<FrontEnd>& front_end) {
  const bool from_file = url.starts_with(kFile);
  if (!from_file && !url.starts_with("https://")) {
    fail("cannot download {}: the address must begin with https:// or file://", url);
  }
  try {
    std::string bytes = from_file ? read_file(hub::unescaped(url.substr(kFile.size())), max_bytes)
                                  : fetch(url, max_bytes, front_end);
    if (!git_hash.empty()) check_hash(bytes, git_hash);
    return bytes;
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    fail("cannot download {}: {}", url, error.what());
  }
}

}  // namespace graft::data
