#include "graft/hub/lfs.h"

#include <charconv>
#include <map>
#include <mutex>
#include <numeric>

#include "graft/base/error.h"
#include "graft/hub/refusal.h"
#include "graft/hub/several.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr size_t kPartsAtOnce = 4;
constexpr size_t kMostParts = 10000;  // S3's own bound
constexpr int kPlans = 3;             // that a file is worth: addresses run out after some hours
constexpr const char* kLfsType = "application/vnd.git-lfs+json";

std::string url_of(const json& action, const std::string& what) {
  if (!action.is_object() || !action.value("href", json()).is_string()) {
    fail("{}: the server does not say where it is to go", what);
  }
  return action["href"].get<std::string>();
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
void read_parts(PartsPlan& plan, const json& header, uint64_t size, const std::string& what) {
  const auto part_size = number(header["chunk_size"]);
  std::map<uint64_t, std::string> urls;
  for (const auto& [key, value] : header.items()) {
    const auto part = number(json(key));
    if (part && value.is_string()) urls[*part] = value.get<std::string>();
  }
  if (!part_size || *part_size == 0 || urls.size() != (size - 1) / *part_size + 1 ||
      urls.size() > kMostParts) {
    fail("{}: the server wants it in parts that do not make the whole", what);
  }
  plan.part_size = *part_size;
  for (auto& [part, url] : urls) plan.parts.push_back(std::move(url));
}

}  // namespace

fs::path Lfs::notes_path(const std::string& oid) const {
  return http_.environment().uploads / (repository_.folder_name() + "--" + oid + ".json");
}

Lfs::Plan Lfs::ask(const LocalFile& file, const std::string& oid) const {
  const std::string what = fmt::format("{} of {}", file.name(), repository_.name);
  const json question = {{"operation", "upload"},
                         {"transfers", {"basic", "multipart"}},
                         {"objects", {{{"oid", oid}, {"size", file.size()}}}},
                         {"hash_algo", "sha256"},
                         {"ref", {{"name", repository_.revision}}}};
  const Response response =
      http_.post_json(fmt::format("{}/{}.git/info/lfs/objects/batch", http_.environment().endpoint,
                                  repository_.name),
                      question.dump(), kLfsType);
  if (response.status / 100 != 2) refuse_upload(response, http_.environment(), repository_);
  const json answer = parse_json(response.body, "the Hub's answer to an upload");
  json object = json::object();
  if (answer.is_object() && answer.value("objects", json()).is_array()) {
    for (const json& one : answer["objects"]) {
      if (one.is_object() && one.value("oid", json()) == oid) object = one;
    }
  }
  if (object.empty()) fail("{}: the server does not say what is to be done with it", what);
  if (object.contains("error")) {
    const json message =
        object["error"].is_object() ? object["error"].value("message", json()) : json();
    fail("{}: the server refuses it{}", what,
         message.is_string() ? ": " + printable(message.get<std::string>()) : "");
  }
  Plan plan;
  const json actions = object.value("actions", json());
  if (!actions.is_object() || !actions.contains("upload")) return plan;
  const std::string url = url_of(actions["upload"], what);
  if (actions.contains("verify")) plan.verify = url_of(actions["verify"], what);
  json header = actions["upload"].value("header", json());
  if (header.is_object() && header.contains("chunk_size")) {
    read_parts(plan.parts, header, file.size(), what);
    plan.parts.complete = url;
    plan.parts.verify = plan.verify;
  } else {
    plan.basic = url;
  }
  return plan;
}

void Lfs::upload(const LocalFile& file, const std::string& oid) const {
  const fs::path path = notes_path(oid);
  if (auto notes = UploadNotes::find(path, oid, file.size())) {
    if (in_parts(file, oid, std::move(*notes))) return;
  }
  for (int tries = 0; tries < kPlans; ++tries) {
    Plan plan = ask(file, oid);
    if (!plan.parts.parts.empty()) {
      UploadNotes notes = UploadNotes::begin(path, oid, file.size(), std::move(plan.parts));
      if (in_parts(file, oid, std::move(notes))) return;
    } else if (!plan.basic.empty()) {
      if (whole(file, plan.basic) && (!plan.verify || verified(file, oid, *plan.verify))) return;
    } else {
      progress_.begin(file.name(), file.size(), [&file] { return file.size(); });
      progress_.end(file.name(), true);
      return;
    }
  }
  fail("{} of {}: the server does not take it as it is; nothing was changed there", file.name(),
       repository_.name);
}

bool Lfs::whole(const LocalFile& file, const std::string& url) const {
  std::atomic<uint64_t> sent{0};
  progress_.begin(file.name(), file.size(), [&sent] { return sent.load(); });
  bool taken = false;
  try {
    Request request;
    request.method = "PUT";
    request.url = url;
    request.source_size = file.size();
    request.source = [&](uint64_t at, char* to, size_t room) {
      const size_t size = file.read(at, to, room);
      sent = at + size;
      progress_.tick();
      return size;
    };
    taken = http_.send(request).status / 100 == 2;
  } catch (...) {
    progress_.end(file.name(), false);
    throw;
  }
  progress_.end(file.name(), taken);
  return taken;
}

bool Lfs::in_parts(const LocalFile& file, const std::string& oid, UploadNotes notes) const {
  const PartsPlan& plan = notes.plan();
  const size_t count = plan.parts.size();
  const auto begin = [&](size_t part) { return part * plan.part_size; };
  const auto size = [&](size_t part) {
    return std::min(plan.part_size, file.size() - begin(part));
  };
  std::vector<std::atomic<uint64_t>> sent(count);
  std::vector<size_t> missing;
  for (size_t part = 0; part < count; ++part) {
    if (notes.etag(part).empty()) {
      missing.push_back(part);
    } else {
      sent[part] = size(part);
    }
  }
  progress_.begin(file.name(), file.size(), [&sent] {
    return std::accumulate(sent.begin(), sent.end(), uint64_t{0},
                           [](uint64_t sum, const auto& own) { return sum + own.load(); });
  });
  std::mutex mutex;
  std::atomic<bool> refused{false};
  const auto send_part = [&](size_t part) {
    if (refused) return;
    Request request;
    request.method = "PUT";
    request.url = plan.parts[part];
    request.source_size = size(part);
    request.source = [&](uint64_t at, char* to, size_t room) {
      const size_t got = file.read(begin(part) + at, to, room);
      sent[part] = at + got;
      progress_.tick();
      return got;
    };
    const Response response = http_.send(request);
    const std::string etag = response.header("etag");
    if (response.status / 100 != 2 || etag.empty()) {
      refused = true;
      return;
    }
    const std::lock_guard lock(mutex);
    notes.set_etag(part, etag);
  };
  bool taken = false;
  try {
    several(missing.size(), kPartsAtOnce, [&](size_t i) { send_part(missing[i]); });
    if (!refused) {
      json parts = json::array();
      for (size_t part = 0; part < count; ++part) {
        parts.push_back({{"partNumber", part + 1}, {"etag", notes.etag(part)}});
      }
      const json whole = {{"oid", oid}, {"parts", parts}};
      taken = http_.post_json(plan.complete, whole.dump(), kLfsType).status / 100 == 2 &&
              (!plan.verify || verified(file, oid, *plan.verify));
    }
  } catch (...) {
    progress_.end(file.name(), false);
    throw;
  }
  progress_.end(file.name(), taken);
  notes.discard();  // taken, or its addresses are good for nothing any more
  return taken;
}

bool Lfs::verified(const LocalFile& file, const std::string& oid, const std::string& url) const {
  return http_.post_json(url, json{{"oid", oid}, {"size", file.size()}}.dump(), kLfsType).status /
             100 ==
         2;
}

}  // namespace graft::hub
