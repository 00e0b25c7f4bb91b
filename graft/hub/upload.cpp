#include "graft/hub/upload.h"

#include <openssl/evp.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/front_end.h"
#include "graft/hub/address.h"
#include "graft/hub/for_each_concurrent.h"
#include "graft/hub/http.h"
#include "graft/hub/lfs.h"
#include "graft/hub/progress.h"
#include "graft/hub/refusal.h"
#include "graft/hub/text.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr size_t kUploadsAtOnce = 2;  // of those in LFS, each in several parts
constexpr size_t kFilesAQuestion = 256;
constexpr size_t kSampleBytes = 512;
constexpr uint64_t kMostRegular = uint64_t{256} << 20;  // that a commit's own text holds
constexpr uint64_t kQuietlyRead = uint64_t{64} << 20;
constexpr uint64_t kMostCard = uint64_t{4} << 20;

std::string base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

class Uploader {
 public:
  Uploader(const Environment& environment, const Repository& repository,
           const std::vector<LocalFile>& files, const UploadOptions& options)
      : environment_(environment),
        repository_(repository),
        files_(files),
        options_(options),
        http_(environment) {}

  Uploaded run() {
    check_card();
    create();
    std::string why;
    for (int tries = 0;; ++tries) {
      std::vector<Change> changes = find_changes();
      if (changes.empty()) return {page(), tries > 0};
      if (tries == kTries) throw ConnectionError(why);
      send_large(changes);
      const auto failure = commit(changes, tries);
      if (!failure) return {page(), true};
      why = *failure;
    }
  }

 private:
  struct Change {
    const LocalFile* file;
    bool lfs;
    std::string hash;  // of LFS: its name there
  };

  FrontEnd& say() const { return *environment_.front_end; }
  std::string page() const { return environment_.endpoint + "/" + repository_.name; }
  std::string api(const std::string& what) const {
    return fmt::format("{}/api/models/{}{}", environment_.endpoint, repository_.name, what);
  }

  // The server's entry for the repository; null if it does not exist or we may not see it.
  json info() const {
    Request request;
    request.url = api("");
    const Response response = http_.send(request);
    return response.status / 100 == 2 ? io::parse_json(response.body, "the Hub's answer") : json();
  }

  void create() {
    const size_t slash = repository_.name.find('/');
    json wanted = {{"name", repository_.name.substr(slash + 1)},
                   {"organization", repository_.name.substr(0, slash)},
                   {"type", "model"}};
    if (options_.make_private) wanted["visibility"] = "private";
    for (int attempt = 0;; ++attempt) {
      const Response response =
          http_.send(post_json(environment_.endpoint + "/api/repos/create", wanted.dump()));
      if (response.status / 100 == 2) {
        say().note("Created {}{}", page(), options_.make_private ? " (private)" : "");
        return;
      }
      check_not_transient(response, environment_.endpoint);
      // The Hub makes one repository of an account at a time.
      if (response.status == 409 && attempt + 1 < kTries &&
          response.body.find("another conflicting operation") != std::string::npos) {
        http_.pause(pause_seconds(attempt, &response));
        continue;
      }
      return check_there(response);
    }
  }

  // It may exist already; or the token may write to it, but not create it.
  void check_there(const Response& response) const {
    const json found = response.status / 100 == 4 ? info() : json();
    if (!found.is_object()) refuse_upload(response, environment_, repository_);
    if (options_.make_private && found.value("private", json()) != true) {
      fail("{} is there already and is public: `make_private` cannot make it private", page());
    }
  }

  // The Hub refuses a commit with a card that it cannot read: better to know that first.
  void check_card() const {
    const auto card = std::find_if(files_.begin(), files_.end(), [](const LocalFile& file) {
      return file.name() == "README.md";
    });
    if (card == files_.end() || card->size() > kMostCard) return;
    const json question = {{"content", card->bytes(0, card->size())}, {"repoType", "model"}};
    const Response response =
        http_.send(post_json(environment_.endpoint + "/api/validate-yaml",
                             question.dump(-1, ' ', false, json::error_handler_t::replace)));
    if (response.status != 400) return;
    std::string words;
    const json answer = io::parse_json(response.body, "the Hub's answer to a card");
    if (answer.is_object() && answer.value("errors", json()).is_array()) {
      for (const json& error : answer["errors"])
        words += " " + printable(io::text_at(error, "message"));
    }
    fail("{} does not take the metadata of README.md:{}", environment_.endpoint, words);
  }

  // The files that the repository lacks or has in another version.
  std::vector<Change> find_changes() {
    regular_bytes_ = 0;
    std::vector<Change> changes;
    for (size_t begin = 0; begin < files_.size(); begin += kFilesAQuestion) {
      const size_t end = std::min(files_.size(), begin + kFilesAQuestion);
      json question = json::array();
      for (size_t i = begin; i < end; ++i) {
        const std::string sample =
            files_[i].bytes(0, std::min<uint64_t>(kSampleBytes, files_[i].size()));
        question.push_back(
            {{"path", files_[i].name()}, {"sample", base64(sample)}, {"size", files_[i].size()}});
      }
      const Response response = http_.send(post_json(
          api("/preupload/" + escaped(repository_.revision)), json{{"files", question}}.dump()));
      check_not_transient(response, environment_.endpoint);
      if (response.status / 100 != 2) refuse_upload(response, environment_, repository_);
      const json answer = io::parse_json(response.body, "the Hub's answer to an upload");
      std::map<std::string, json> answers;
      if (answer.is_object() && answer.value("files", json()).is_array()) {
        for (const json& one : answer["files"]) answers[io::text_at(one, "path")] = one;
      }
      for (size_t i = begin; i < end; ++i) add_change(files_[i], answers, changes);
    }
    return changes;
  }

  void add_change(const LocalFile& file, const std::map<std::string, json>& answers,
                  std::vector<Change>& changes) {
    const auto answer = answers.find(file.name());
    const std::string mode =
        answer == answers.end() ? "" : io::text_at(answer->second, "uploadMode");
    if (mode != "lfs" && mode != "regular") {
      fail("{} does not say how {} is to be uploaded: is it a Hub?", environment_.endpoint,
           file.name());
    }
    if (answer->second.value("shouldIgnore", json()) == true) {
      say().note("{} is left out, as the .gitignore of {} wants it", file.name(), repository_.name);
      return;
    }
    const bool lfs = mode == "lfs" && file.size() > 0;  // S3 takes no empty file
    if (!lfs) regular_bytes_ += file.size();
    if (regular_bytes_ > kMostRegular) {
      fail("{} wants more than {} without LFS, {} with it: that is not sent so",
           environment_.endpoint, size_text(kMostRegular), file.name());
    }
    std::string hash = hash_of(file, lfs);
    if (hash == io::text_at(answer->second, "oid")) return;
    changes.push_back({&file, lfs, std::move(hash)});
  }

  // Computed once a run: a large file takes a while.
  std::string hash_of(const LocalFile& file, bool lfs) {
    const HashKind kind = lfs ? HashKind::sha256 : HashKind::git;
    const auto key = std::pair(file.name(), kind);
    const auto found = hashes_.find(key);
    if (found != hashes_.end()) return found->second;
    std::atomic<uint64_t> done{0};
    Progress progress(say(), file.size(), file.size() < kQuietlyRead);
    progress.begin("reading " + file.name(), file.size(), [&done] { return done.load(); });
    std::string hash = file.hash(kind, [&](uint64_t bytes) {
      done = bytes;
      say().check_cancelled();
      progress.tick();
    });
    progress.end("reading " + file.name(), false);
    hashes_[key] = hash;
    return hash;
  }

  void send_large(const std::vector<Change>& changes) {
    std::map<std::string, const LocalFile*> large;  // by hash: two may be the same
    uint64_t bytes = 0, all = 0;
    for (const Change& change : changes) {
      all += change.file->size();
      if (change.lfs && large.emplace(change.hash, change.file).second) {
        bytes += change.file->size();
      }
    }
    say().note("Uploading {} file{} to {}, {}", changes.size(), changes.size() == 1 ? "" : "s",
               page(), size_text(all));
    const std::vector<std::pair<std::string, const LocalFile*>> list(large.begin(), large.end());
    Progress progress(say(), bytes);
    Lfs lfs(http_, repository_, progress);
    for_each_concurrent(
        list.size(), kUploadsAtOnce, [&](size_t i) { lfs.upload(*list[i].second, list[i].first); },
        [&] { lfs.stop(); });
  }

  static std::string line_of(const Change& change) {
    const LocalFile& file = *change.file;
    if (change.lfs) {
      return json{{"key", "lfsFile"},
                  {"value",
                   {{"path", file.name()},
                    {"algo", "sha256"},
                    {"oid", change.hash},
                    {"size", file.size()}}}}
          .dump();
    }
    return json{{"key", "file"},
                {"value",
                 {{"content", base64(file.bytes(0, file.size()))},
                  {"path", file.name()},
                  {"encoding", "base64"}}}}
        .dump();
  }

  // Returns why the commit failed, or may have failed: the caller then looks for changes again.
  // Nothing if it succeeded.
  std::optional<std::string> commit(const std::vector<Change>& changes, int attempt) {
    Request request;
    request.method = "POST";
    request.url = api("/commit/" + escaped(repository_.revision));
    request.headers = {"Content-Type: application/x-ndjson"};
    request.answered_late = true;
    request.body =
        json{{"key", "header"}, {"value", {{"summary", options_.message}, {"description", ""}}}}
            .dump() +
        "\n";
    for (const Change& change : changes) request.body += line_of(change) + "\n";
    std::string why;
    double pause = pause_seconds(attempt, nullptr);
    try {
      const Response response = http_.send_once(request);
      if (response.status / 100 == 2) return std::nullopt;
      // 409, 412: somebody else has committed meanwhile.
      if (!is_transient(response) && response.status != 409 && response.status != 412) {
        refuse_upload(response, environment_, repository_);
      }
      why = fmt::format("the commit to {}: HTTP status {}", page(), response.status);
      pause = pause_seconds(attempt, &response);
    } catch (const ConnectionError& error) {
      why = error.what();
    }
    say().note("{}; looking again in {:.1f} s", why, pause);
    http_.pause(pause);
    return why;
  }

  const Environment& environment_;
  const Repository& repository_;
  const std::vector<LocalFile>& files_;
  const UploadOptions& options_;
  Http http_;
  std::map<std::pair<std::string, HashKind>, std::string> hashes_;
  uint64_t regular_bytes_ = 0;
};

}  // namespace

void check_can_upload(const Environment& environment) {
  if (environment.offline) fail("HF_HUB_OFFLINE is set: nothing is uploaded");
  if (!environment.token) {
    fail("an upload needs a token that may write: set HF_TOKEN, or log in with `hf auth login`");
  }
  try {
    Request request;
    request.url = environment.endpoint + "/api/whoami-v2";
    if (Http(environment).send_once(request).status != 401) return;
  } catch (const ConnectionError&) {
    return;  // the upload itself tries longer
  }
  fail("{} does not know the token that is used: set HF_TOKEN, or log in with `hf auth login`",
       environment.endpoint);
}

Uploaded upload(const Environment& environment, const Repository& repository,
                const std::vector<LocalFile>& files, const UploadOptions& options) {
  return Uploader(environment, repository, files, options).run();
}

Repository upload_target(const std::string& name) {
  const auto repository =
      Repository::parse(name.find('/') == std::string::npos ? "mlx-community/" + name : name);
  if (!repository || name.find('@') != std::string::npos) {
    fail_usage(
        "'{}' cannot be a repository's name: expected owner/name, or a name for one of the "
        "MLX community's",
        name);
  }
  return *repository;
}

}  // namespace graft::hub
