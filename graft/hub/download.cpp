#include "graft/hub/download.h"

#include <atomic>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include "graft/base/files.h"
#include "graft/hub/file_lock.h"
#include "graft/hub/hash.h"
#include "graft/hub/parts_file.h"
#include "graft/hub/refusal.h"

namespace graft::hub {
namespace {

constexpr uint64_t kPartSize = uint64_t{64} << 20;
constexpr size_t kConnections = 4;  // of one file
constexpr size_t kHashPiece = size_t{1} << 20;

// The server sends the whole file when asked for a part.
struct RangesIgnored {};

class FileFetch {
 public:
  FileFetch(const Http& http, const Repository& repository, const RemoteFile& file,
            PartsFile& parts, Progress& progress)
      : http_(http), repository_(repository), file_(file), parts_(parts), progress_(progress) {}

  /// Fetches what is missing; gives the hash of the whole, which is computed on the way.
  std::string run() {
    std::string hash;
    std::thread hasher([&] { guarded([&] { hash = hash_as_it_comes(); }); });
    std::vector<std::thread> workers;
    for (size_t i = 0; i < std::min(kConnections, parts_.parts()); ++i) {
      workers.emplace_back([this] {
        guarded([this] {
          for (size_t part = next_++; part < parts_.parts() && !stopped_; part = next_++)
            fetch(part);
        });
      });
    }
    for (std::thread& worker : workers) worker.join();
    hasher.join();
    if (failure_) std::rethrow_exception(failure_);
    return hash;
  }

 private:
  // The first failure counts; it stops all others.
  template <class Work>
  void guarded(const Work& work) {
    try {
      work();
    } catch (...) {
      const std::lock_guard lock(mutex_);
      if (!failure_) failure_ = std::current_exception();
      stopped_ = true;
    }
  }

  std::string hash_as_it_comes() {
    Hash hash(hash_kind(file_.etag), file_.size);
    std::vector<char> piece(kHashPiece);
    for (uint64_t at = 0; at < file_.size;) {
      const uint64_t there = parts_.prefix();
      progress_.tick();
      if (stopped_) return "";
      if (there - at < std::min<uint64_t>(kHashPiece, file_.size - at)) {
        http_.pause(0.002);
        continue;
      }
      const size_t size = std::min<uint64_t>(kHashPiece, there - at);
      parts_.read(at, piece.data(), size);
      hash.add(piece.data(), size);
      at += size;
    }
    return hash.finish();
  }

  // A part, to its end. Gives up after kTries that brought nothing.
  void fetch(size_t part) {
    const uint64_t length = parts_.end(part) - parts_.begin(part);
    for (int fruitless = 0; parts_.done(part) < length && !stopped_;) {
      const uint64_t before = parts_.done(part);
      std::string why = "the file ends too early";
      double pause = 0;
      try {
        const Response response = request(part);
        if (is_transient(response)) {
          why = fmt::format("HTTP status {}", response.status);
          pause = pause_seconds(fruitless, &response);
        } else if (response.status / 100 != 2) {
          refuse(response, http_.environment(), repository_);
        }
      } catch (const ConnectionError& error) {
        why = error.what();
      }
      if (parts_.done(part) == length || stopped_) return;
      fruitless = parts_.done(part) > before ? 0 : fruitless + 1;
      if (fruitless == kTries) throw ConnectionError(fmt::format("{}: {}", file_.name, why));
      if (pause == 0) pause = pause_seconds(fruitless, nullptr);
      progress_.say(fmt::format("  {}: {}; going on in {:.1f} s", file_.name, why, pause));
      http_.pause(pause);
    }
  }

  Response request(size_t part) {
    const uint64_t begin = parts_.begin(part) + parts_.done(part), end = parts_.end(part);
    const bool whole = begin == 0 && end == file_.size;
    bool ignored = false;
    Request request;
    request.url = file_.url;
    request.headers = {"Accept-Encoding: identity"};
    if (!whole) request.headers.push_back(fmt::format("Range: bytes={}-{}", begin, end - 1));
    request.wants_body = [&](const Response& response) {
      if (response.status == 200 && whole) return true;
      const std::string wanted = fmt::format("bytes {}-{}/{}", begin, end - 1, file_.size);
      ignored = response.status != 206 || response.header("content-range") != wanted;
      return !ignored;
    };
    request.sink = [&](std::string_view bytes) {
      // Surplus bytes are dropped; the hash checks the rest.
      const uint64_t room = parts_.end(part) - parts_.begin(part) - parts_.done(part);
      parts_.append(part, bytes.substr(0, std::min<uint64_t>(room, bytes.size())));
      return bytes.size() <= room && !stopped_;
    };
    Response response = http_.send_once(request);
    if (ignored) throw RangesIgnored();
    return response;
  }

  const Http& http_;
  const Repository& repository_;
  const RemoteFile& file_;
  PartsFile& parts_;
  Progress& progress_;
  std::atomic<size_t> next_{0};
  std::atomic<bool> stopped_{false};
  std::mutex mutex_;
  std::exception_ptr failure_;
};

}  // namespace

void download(const Http& http, const Repository& repository, const CachedRepository& cache,
              const RemoteFile& file, Progress& progress) {
  const fs::path blob = cache.blob(file.etag);
  if (is_there(blob)) return;
  bool said = false;
  const FileLock lock(cache.lock(file.etag), [&] {
    if (!std::exchange(said, true)) {
      progress.say(fmt::format("  {}: another process fetches it; waiting", file.name));
    }
    http.environment().front_end->check_cancelled();
  });
  if (is_there(blob)) return;
  bool in_parts = true;
  for (int wrong = 0; wrong < 2;) {
    PartsFile parts(blob, file.size, in_parts ? kPartSize : std::max<uint64_t>(1, file.size));
    progress.begin(file.name, file.size, [&parts] { return parts.all_done(); });
    try {
      const bool right = FileFetch(http, repository, file, parts, progress).run() == file.etag;
      if (right) parts.commit();
      progress.end(file.name, right);
      if (right) return;
      ++wrong;
      parts.discard();
      if (wrong < 2) progress.say(fmt::format("  {}: its hash is wrong; once more", file.name));
    } catch (const RangesIgnored&) {
      progress.end(file.name, false);
      if (!in_parts) fail("{}: the server sends another part of it than asked for", file.name);
      in_parts = false;
    } catch (...) {
      progress.end(file.name, false);
      throw;
    }
  }
  fail("{} of {}: what arrives has another hash than the Hub says, twice; nothing was kept",
       file.name, repository.name);
}

}  // namespace graft::hub
