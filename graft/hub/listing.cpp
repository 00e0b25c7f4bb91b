#include "graft/hub/listing.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/hub/address.h"
#include "graft/hub/refusal.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr uint64_t kMostFileBytes = uint64_t{1} << 44;

// A part of a path: not empty, nothing hidden, nothing that leads upwards or that a terminal obeys.
bool is_plain(std::string_view part) {
  return !part.empty() && part.front() != '.' &&
         std::all_of(part.begin(), part.end(),
                     [](unsigned char c) { return c > 32 && c < 127 && c != '\\'; });
}

bool is_plain_path(std::string_view name) {
  if (name.size() >= 200) return false;
  for (size_t end; (end = name.find('/')) != std::string_view::npos;) {
    if (!is_plain(name.substr(0, end))) return false;
    name.remove_prefix(end + 1);
  }
  return is_plain(name);
}

std::string escaped_path(const std::string& name) {
  std::string path;
  for (size_t begin = 0; begin <= name.size();) {
    const size_t end = std::min(name.find('/', begin), name.size());
    path += (begin > 0 ? "/" : "") + escaped(name.substr(begin, end - begin));
    begin = end + 1;
  }
  return path;
}

}  // namespace

Listing read_listing(const std::string& body, const Environment& environment,
                     const Repository& repository) {
  const std::string what = fmt::format("the Hub's list of {}", repository.name);
  const json answer = io::parse_json(body, what);
  Listing listing;
  if (answer.is_object())
    listing.commit =
        answer.value("sha", json()).is_string() ? answer["sha"].get<std::string>() : "";
  if (!is_commit(listing.commit) || !answer.contains("siblings") ||
      !answer["siblings"].is_array()) {
    fail("{} has no commit or no files: is {} a Hub?", what, environment.endpoint);
  }
  for (const json& entry : answer["siblings"]) {
    if (!entry.is_object() || !entry.contains("rfilename") || !entry["rfilename"].is_string())
      continue;
    RemoteFile file;
    file.name = entry["rfilename"].get<std::string>();
    if (!is_plain_path(file.name)) continue;
    const json lfs = entry.value("lfs", json());
    const json& details = lfs.is_object() ? lfs : entry;
    const json etag = details.value(lfs.is_object() ? "sha256" : "blobId", json());
    const json size = details.value("size", json());
    if (!etag.is_string() || !size.is_number_unsigned()) continue;
    file.etag = etag.get<std::string>();
    file.size = size.get<uint64_t>();
    if (file.size > kMostFileBytes) fail("{} gives {} a size that is none", what, file.name);
    const bool hash = file.etag.find_first_not_of("0123456789abcdef") == std::string::npos;
    if (!hash || file.etag.size() != (lfs.is_object() ? 64u : 40u)) {
      fail("{} gives {} a hash that is none", what, file.name);
    }
    file.url = fmt::format("{}/{}/resolve/{}/{}", environment.endpoint, repository.page_path(),
                           listing.commit, escaped_path(file.name));
    listing.files.push_back(std::move(file));
  }
  return listing;
}

const RemoteFile* Listing::find(const std::string& name) const {
  const auto found = std::find_if(files.begin(), files.end(),
                                  [&](const RemoteFile& file) { return file.name == name; });
  return found == files.end() ? nullptr : &*found;
}

Listing list_repository(const Http& http, const Repository& repository) {
  const Environment& environment = http.environment();
  Request request;
  request.url = fmt::format("{}/api/{}/revision/{}?blobs=true", environment.endpoint,
                            repository.api_path(), escaped(repository.revision));
  const Response response = http.send(request);
  check_not_transient(response, environment.endpoint);
  if (response.status / 100 != 2) refuse(response, environment, repository);
  return read_listing(response.body, environment, repository);
}

}  // namespace graft::hub
