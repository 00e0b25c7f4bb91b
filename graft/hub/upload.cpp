#include "graft/hub/upload.h"

#include <openssl/evp.h>

#include <map>

#include "graft/base/error.h"
#include "graft/base/log.h"
#include "graft/hub/address.h"
#include "graft/hub/http.h"
#include "graft/hub/lfs.h"
#include "graft/hub/progress.h"
#include "graft/hub/refusal.h"
#include "graft/hub/several.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr size_t kFilesAtOnce = 2;  // of those in LFS, each in several parts
constexpr size_t kFilesAQuestion = 256;
constexpr size_t kSampleBytes = 512;
constexpr uint64_t kMostRegular = uint64_t{64} << 20;  // that a commit's own text holds of a file
constexpr int kCommits = 3;

std::string base64(const std::string& bytes) {
  std::string text((bytes.size() + 2) / 3 * 4 + 1, '\0');
  const int length = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                     reinterpret_cast<const unsigned char*>(bytes.data()),
                                     static_cast<int>(bytes.size()));
  text.resize(static_cast<size_t>(length));
  return text;
}

std::string text_at(const json& object, const char* key) {
  if (!object.is_object()) return "";
  const json value = object.value(key, json());
  return value.is_string() ? value.get<std::string>() : "";
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
    create();
    for (int tries = 1;; ++tries) {
      std::vector<Change> changes = find_changes();
      if (changes.empty()) return {page(), head(), tries > 1};
      send_large(changes);
      const Response response = commit(changes);
      if (response.status / 100 == 2) {
        const json answer = parse_json(response.body, "the Hub's answer to a commit");
        return {page(), text_at(answer, "commitOid"), true};
      }
      // 412, 409: somebody else has committed meanwhile. 5xx: perhaps it was taken all the same.
      const bool again = response.status == 409 || response.status == 412 ||
                         response.status == 429 || response.status / 100 == 5;
      if (!again || tries == kCommits) refuse_upload(response, environment_, repository_);
      note("{}: the commit was answered with HTTP status {}; trying again", repository_.name,
           response.status);
    }
  }

 private:
  struct Change {
    const LocalFile* file;
    bool lfs;
    std::string hash;  // of LFS: its name there
  };

  std::string page() const { return environment_.endpoint + "/" + repository_.name; }
  std::string api(const std::string& what) const {
    return fmt::format("{}/api/models/{}{}", environment_.endpoint, repository_.name, what);
  }

  // What the server says of the repository; nothing if it is not there for us.
  json info() const {
    Request request;
    request.url = api("");
    const Response response = http_.send(request);
    return response.status / 100 == 2 ? parse_json(response.body, "the Hub's answer") : json();
  }
  std::string head() const { return text_at(info(), "sha"); }

  void create() {
    const size_t slash = repository_.name.find('/');
    json wanted = {{"name", repository_.name.substr(slash + 1)},
                   {"organization", repository_.name.substr(0, slash)},
                   {"type", "model"}};
    if (options_.make_private) wanted["visibility"] = "private";
    const Response response =
        http_.post_json(environment_.endpoint + "/api/repos/create", wanted.dump());
    if (response.status / 100 == 2) {
      note("Created {}{}", page(), options_.make_private ? " (private)" : "");
      return;
    }
    // There already, or the token may not create but perhaps write.
    const bool perhaps_there = response.status == 409 || (response.status / 100 == 4);
    const json found = perhaps_there ? info() : json();
    if (!found.is_object()) refuse_upload(response, environment_, repository_);
    if (options_.make_private && found.value("private", json()) != true) {
      fail("{} is there already and is public: --private cannot make it private", page());
    }
  }

  // The files that the repository has not, or has other ones of.
  std::vector<Change> find_changes() {
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
      const Response response = http_.post_json(api("/preupload/" + escaped(repository_.revision)),
                                                json{{"files", question}}.dump());
      if (response.status / 100 != 2) refuse_upload(response, environment_, repository_);
      const json answer = parse_json(response.body, "the Hub's answer to an upload");
      std::map<std::string, json> answers;
      if (answer.is_object() && answer.value("files", json()).is_array()) {
        for (const json& one : answer["files"]) answers[text_at(one, "path")] = one;
      }
      for (size_t i = begin; i < end; ++i) add_change(files_[i], answers, changes);
    }
    return changes;
  }

  void add_change(const LocalFile& file, const std::map<std::string, json>& answers,
                  std::vector<Change>& changes) {
    const auto answer = answers.find(file.name());
    const std::string mode = answer == answers.end() ? "" : text_at(answer->second, "uploadMode");
    if (mode != "lfs" && mode != "regular") {
      fail("{} does not say how {} is to be uploaded: is it a Hub?", environment_.endpoint,
           file.name());
    }
    if (answer->second.value("shouldIgnore", json()) == true) return;  // its .gitignore says so
    const bool lfs = mode == "lfs" && file.size() > 0;                 // S3 takes no empty file
    if (!lfs && file.size() > kMostRegular) {
      fail("{} wants {} ({}) without LFS: more than {} is not sent so", environment_.endpoint,
           file.name(), size_text(file.size()), size_text(kMostRegular));
    }
    std::string hash = hash_of(file, lfs);
    if (hash == text_at(answer->second, "oid")) return;
    changes.push_back({&file, lfs, std::move(hash)});
  }

  // Computed once a run: a large file takes a while.
  std::string hash_of(const LocalFile& file, bool lfs) {
    const HashKind kind = lfs ? HashKind::sha256 : HashKind::git;
    const auto key = std::pair(file.name(), kind);
    const auto found = hashes_.find(key);
    if (found != hashes_.end()) return found->second;
    std::atomic<uint64_t> done{0};
    Progress progress(file.size(), file.size() < kMostRegular);
    progress.begin("reading " + file.name(), file.size(), [&done] { return done.load(); });
    std::string hash = file.hash(kind, [&](uint64_t bytes) {
      done = bytes;
      progress.tick();
    });
    progress.end("reading " + file.name(), false);
    hashes_[key] = hash;
    return hash;
  }

  void send_large(const std::vector<Change>& changes) {
    std::vector<const Change*> large;
    uint64_t bytes = 0, all = 0;
    for (const Change& change : changes) {
      all += change.file->size();
      if (!change.lfs) continue;
      large.push_back(&change);
      bytes += change.file->size();
    }
    note("Uploading {} file{} to {}, {}", changes.size(), changes.size() == 1 ? "" : "s", page(),
         size_text(all));
    Progress progress(bytes);
    const Lfs lfs(http_, repository_, progress);
    several(large.size(), kFilesAtOnce,
            [&](size_t i) { lfs.upload(*large[i]->file, large[i]->hash); });
  }

  Response commit(const std::vector<Change>& changes) {
    std::string lines =
        json{{"key", "header"}, {"value", {{"summary", options_.message}, {"description", ""}}}}
            .dump() +
        "\n";
    for (const Change& change : changes) {
      const LocalFile& file = *change.file;
      json line;
      if (change.lfs) {
        line = {{"key", "lfsFile"},
                {"value",
                 {{"path", file.name()},
                  {"algo", "sha256"},
                  {"oid", change.hash},
                  {"size", file.size()}}}};
      } else {
        line = {{"key", "file"},
                {"value",
                 {{"content", base64(file.bytes(0, file.size()))},
                  {"path", file.name()},
                  {"encoding", "base64"}}}};
      }
      lines += line.dump() + "\n";
    }
    Request request;
    request.method = "POST";
    request.url = api("/commit/" + escaped(repository_.revision));
    request.headers = {"Content-Type: application/x-ndjson"};
    request.body = std::move(lines);
    try {
      return http_.send_once(request);
    } catch (const ConnectionError& error) {
      // Whether it was taken, the next look at what has changed will say.
      note("{}", error.what());
      return {.status = 503, .headers = {}, .body = {}};
    }
  }

  const Environment& environment_;
  const Repository& repository_;
  const std::vector<LocalFile>& files_;
  const UploadOptions& options_;
  Http http_;
  std::map<std::pair<std::string, HashKind>, std::string> hashes_;
};

}  // namespace

void check_can_upload(const Environment& environment) {
  if (environment.offline) fail("HF_HUB_OFFLINE is set: nothing is uploaded");
  if (!environment.token) {
    fail("an upload needs a token that may write: set HF_TOKEN, or log in with `hf auth login`");
  }
}

Uploaded upload(const Environment& environment, const Repository& repository,
                const std::vector<LocalFile>& files, const UploadOptions& options) {
  check_can_upload(environment);
  try {
    return Uploader(environment, repository, files, options).run();
  } catch (const ConnectionError& error) {
    fail("{}; what {} has of it is kept: start again when the connection is back", error.what(),
         environment.endpoint);
  }
}

Repository upload_target(const std::string& name) {
  const auto repository =
      Repository::parse(name.find('/') == std::string::npos ? "mlx-community/" + name : name);
  if (!repository) {
    fail_usage(
        "'{}' cannot be a repository's name: expected owner/name, or a name for one of the "
        "MLX community's",
        name);
  }
  return *repository;
}

}  // namespace graft::hub
