#include "graft/hub/lfs_plan.h"

#include <charconv>
#include <map>
#include <string_view>

#include "graft/base/error.h"
#include "graft/hub/address.h"
#include "graft/hub/refusal.h"
#include "graft/hub/text.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr size_t kMostParts = 10000;  // S3's own bound
constexpr std::string_view kHub = "https://huggingface.co";

// An address from the server. One that names the Hub itself is changed to the endpoint that we use,
// as in huggingface_hub's `fix_hf_endpoint_in_url`.
std::string address(const std::string& url, const std::string& endpoint) {
  const bool hub = url.starts_with(kHub) && url.substr(kHub.size(), 1) == "/";
  std::string own = hub ? endpoint + url.substr(kHub.size()) : url;
  if (!is_safe_address(own)) fail("{} gives an address that is not https", endpoint);
  return own;
}

std::string address_of(const json& action, const std::string& endpoint, const std::string& what) {
  const std::string url = io::text_at(action, "href");
  if (url.empty()) fail("{}: the server does not say where it is to go", what);
  return address(url, endpoint);
}

std::optional<uint64_t> number(const json& value) {
  if (value.is_number_unsigned()) return value.get<uint64_t>();
  if (!value.is_string()) return std::nullopt;
  const auto& text = value.get_ref<const std::string&>();
  uint64_t result = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), result);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return result;
}

// The `header` of an upload in parts: `chunk_size`, and addresses under the numbers of the parts.
PartsPlan read_parts(const json& header, uint64_t size, const std::string& endpoint,
                     const std::string& what) {
  const auto part_size = number(header["chunk_size"]);
  std::map<uint64_t, std::string> urls;
  for (const auto& [key, value] : header.items()) {
    const auto part = number(json(key));
    if (part && value.is_string()) urls[*part] = address(value.get<std::string>(), endpoint);
  }
  // Numbers from 1 on without a gap.
  const bool counted =
      !urls.empty() && urls.begin()->first == 1 && urls.rbegin()->first == urls.size();
  if (!part_size || *part_size == 0 || !counted || urls.size() != (size - 1) / *part_size + 1 ||
      urls.size() > kMostParts) {
    fail("{}: the server wants it in parts that do not make the whole", what);
  }
  PartsPlan plan;
  plan.part_size = *part_size;
  for (auto& [part, url] : urls) plan.parts.push_back(std::move(url));
  return plan;
}

// The answer's entry for the file.
json object_of(const json& answer, const std::string& oid, const std::string& what) {
  json found = json::object();
  if (answer.is_object() && answer.value("objects", json()).is_array()) {
    for (const json& one : answer["objects"]) {
      if (io::text_at(one, "oid") == oid) found = one;
    }
  }
  if (found.empty()) fail("{}: the server does not say what is to be done with it", what);
  if (found.contains("error")) {
    fail("{}: the server refuses it: {}", what, printable(io::text_at(found["error"], "message")));
  }
  return found;
}

}  // namespace

LfsPlan read_lfs_plan(const json& answer, const std::string& oid, uint64_t size,
                      const std::string& endpoint, const std::string& what) {
  const json object = object_of(answer, oid, what);
  LfsPlan plan;
  const json actions = object.value("actions", json());
  if (!actions.is_object() || !actions.contains("upload")) return plan;
  const std::string url = address_of(actions["upload"], endpoint, what);
  if (actions.contains("verify")) plan.verify = address_of(actions["verify"], endpoint, what);
  const json header = actions["upload"].value("header", json());
  if (header.is_object() && header.contains("chunk_size")) {
    plan.parts = read_parts(header, size, endpoint, what);
    plan.parts->complete = url;
  } else {
    plan.basic = url;
  }
  return plan;
}

LfsPlan ask_lfs(const Http& http, const Repository& repository, const LocalFile& file,
                const std::string& oid, const Say& say) {
  const std::string& endpoint = http.environment().endpoint;
  const std::string what = fmt::format("{} of {}", file.name(), repository.name);
  const json question = {{"operation", "upload"},
                         {"transfers", {"basic", "multipart"}},
                         {"objects", {{{"oid", oid}, {"size", file.size()}}}},
                         {"hash_algo", "sha256"},
                         {"ref", {{"name", repository.revision}}}};
  const std::string url =
      fmt::format("{}/{}.git/info/lfs/objects/batch", endpoint, repository.name);
  const Response response = http.send(post_json(url, question.dump(), kLfsType), say);
  check_not_transient(response, what);
  if (response.status / 100 != 2) refuse_upload(response, http.environment(), repository);
  return read_lfs_plan(io::parse_json(response.body, "the Hub's answer to an upload"), oid,
                       file.size(), endpoint, what);
}

}  // namespace graft::hub
