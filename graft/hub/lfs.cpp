#include "graft/hub/lfs.h"

#include <algorithm>
#include <mutex>
#include <numeric>

#include "graft/base/error.h"
#include "graft/hub/for_each_concurrent.h"
#include "graft/hub/refusal.h"
#include "graft/hub/text.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr size_t kPartsAtOnce = 4;
constexpr int kPlans = 3;  // tries per file with new addresses: they expire after some hours

std::optional<std::string> refusal_of(const Response& response) {
  if (response.status / 100 == 2) return std::nullopt;
  return fmt::format("HTTP status {}", response.status);
}

// Shows a file in the progress lines while it is sent, however that ends.
class Shown {
 public:
  Shown(Progress& progress, const LocalFile& file, std::function<uint64_t()> done)
      : progress_(progress), file_(file) {
    progress_.begin(file.name(), file.size(), std::move(done));
  }
  ~Shown() { progress_.end(file_.name(), taken_); }
  Shown(const Shown&) = delete;
  Shown& operator=(const Shown&) = delete;
  void set_taken(bool taken) { taken_ = taken; }

 private:
  Progress& progress_;
  const LocalFile& file_;
  bool taken_ = false;
};

}  // namespace

fs::path Lfs::notes_path(const std::string& oid) const {
  return http_.environment().notes / "uploads" / (repository_.folder_name() + "--" + oid + ".json");
}

void Lfs::upload(const LocalFile& file, const std::string& oid) {
  const UploadNotes::Of of{notes_path(oid), http_.environment().endpoint, oid, file.size(),
                           http_.environment().front_end};
  if (auto notes = UploadNotes::find(of)) {
    const size_t before = notes->parts_there();
    try {
      if (!in_parts(file, oid, *notes)) return;
    } catch (const ConnectionError&) {
      // The addresses in the note may be gone for good.
      if (notes->parts_there() > before) throw;
    }
  }
  std::string why;
  for (int tries = 0; tries < kPlans; ++tries) {
    LfsPlan plan = ask_lfs(http_, repository_, file, oid, say_);
    Refused refused;
    if (plan.parts) {
      UploadNotes notes = UploadNotes::begin(of, std::move(*plan.parts), plan.verify);
      refused = in_parts(file, oid, notes);
    } else if (!plan.basic.empty()) {
      refused = whole(file, oid, plan);
    } else {
      Shown(progress_, file, [&file] { return file.size(); }).set_taken(true);  // it has it
    }
    if (!refused) return;
    why = *refused;
  }
  fail("{} of {}: the server does not take it ({}); nothing was changed there", file.name(),
       repository_.name, why);
}

Response Lfs::put(const LocalFile& file, const std::string& url, uint64_t begin, uint64_t size,
                  std::atomic<uint64_t>& sent) {
  Request request;
  request.method = "PUT";
  request.url = url;
  request.source_size = size;
  request.source = [&, begin](uint64_t at, char* to, size_t room) {
    if (stopped_) fail("broken off");
    const size_t got = file.read(begin + at, to, room);
    sent = at + got;
    progress_.tick();
    return got;
  };
  Response response = http_.send(request, say_);
  check_not_transient(response, file.name());
  return response;
}

Response Lfs::tell(const std::string& url, const std::string& text) {
  Request request = post_json(url, text, kLfsType);
  request.answered_late = true;
  Response response = http_.send(request, say_);
  check_not_transient(response, "an upload's end");
  return response;
}

Lfs::Refused Lfs::verify(const LocalFile& file, const std::string& oid,
                         const std::optional<std::string>& url) {
  if (!url) return std::nullopt;
  return refusal_of(tell(*url, json{{"oid", oid}, {"size", file.size()}}.dump()));
}

Lfs::Refused Lfs::whole(const LocalFile& file, const std::string& oid, const LfsPlan& plan) {
  std::atomic<uint64_t> sent{0};
  Shown shown(progress_, file, [&sent] { return sent.load(); });
  Refused refused = refusal_of(put(file, plan.basic, 0, file.size(), sent));
  if (!refused) refused = verify(file, oid, plan.verify);
  shown.set_taken(!refused);
  return refused;
}

Lfs::Refused Lfs::in_parts(const LocalFile& file, const std::string& oid, UploadNotes& notes) {
  std::vector<std::atomic<uint64_t>> sent(notes.plan().parts.size());
  Shown shown(progress_, file, [&sent] {
    return std::accumulate(sent.begin(), sent.end(), uint64_t{0},
                           [](uint64_t sum, const auto& own) { return sum + own.load(); });
  });
  const Refused refused = send_parts(file, oid, notes, sent);
  shown.set_taken(!refused);
  notes.discard();  // taken, or its addresses are good for nothing any more
  return refused;
}

Lfs::Refused Lfs::send_parts(const LocalFile& file, const std::string& oid, UploadNotes& notes,
                             std::vector<std::atomic<uint64_t>>& sent) {
  const PartsPlan& plan = notes.plan();
  std::vector<size_t> missing;
  const auto begin = [&](size_t part) { return part * plan.part_size; };
  const auto size = [&](size_t part) {
    return std::min(plan.part_size, file.size() - begin(part));
  };
  for (size_t part = 0; part < plan.parts.size(); ++part) {
    if (notes.etag(part).empty()) {
      missing.push_back(part);
    } else {
      sent[part] = size(part);
    }
  }
  std::mutex mutex;
  Refused refused;
  std::atomic<bool> any_refused{false};
  const auto send_part = [&](size_t i) {
    const size_t part = missing[i];
    if (any_refused) return;
    const Response response = put(file, plan.parts[part], begin(part), size(part), sent[part]);
    const std::string etag = response.header("etag");
    const std::lock_guard lock(mutex);
    if (response.status / 100 == 2 && !etag.empty() && etag == printable(etag)) {
      notes.set_etag(part, etag);
    } else {
      refused = refusal_of(response).value_or("a part has no ETag");
      any_refused = true;
    }
  };
  for_each_concurrent(missing.size(), kPartsAtOnce, send_part, [this] { stop(); });
  if (refused) return refused;
  json parts = json::array();
  for (size_t part = 0; part < plan.parts.size(); ++part) {
    parts.push_back({{"partNumber", part + 1}, {"etag", notes.etag(part)}});
  }
  refused = refusal_of(tell(plan.complete, json{{"oid", oid}, {"parts", parts}}.dump()));
  return refused ? refused : verify(file, oid, notes.verify());
}

}  // namespace graft::hub
