#include "graft/hub/content_hashes.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>
#include <vector>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/hub/hash.h"
#include "graft/io/json.h"

namespace graft::hub {
namespace {

constexpr size_t kHashDigits = 64;
constexpr size_t kMostKnown = 4096;
constexpr size_t kMostNote = size_t{4} << 20;

bool is_sha256(const std::string& text) {
  return text.size() == kHashDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

// The hash that the Hub's cache has for a name, if the file is one of its blobs.
std::string name_of_blob(const fs::path& file) {
  std::error_code error;
  const fs::path real = fs::canonical(file, error);
  const std::string name = real.filename().string();
  const fs::path blobs = real.parent_path();
  const bool is_blob = !error && blobs.filename() == "blobs" && is_sha256(name) &&
                       blobs.parent_path().filename().string().starts_with("models--");
  return is_blob ? name : "";
}

struct Descriptor {
  int number;
  ~Descriptor() {
    if (number >= 0) ::close(number);
  }
};

std::string hash_of(const fs::path& file, uint64_t size, FrontEnd& front_end) {
  const Descriptor descriptor{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (descriptor.number < 0) fail("cannot read {}: {}", file.string(), std::strerror(errno));
  Hash hash(HashKind::sha256, size);
  std::vector<char> buffer(size_t{4} << 20);
  for (uint64_t done = 0;;) {
    const ssize_t count = ::read(descriptor.number, buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail("cannot read {}: {}", file.string(), std::strerror(errno));
    if (count == 0) break;
    hash.add(buffer.data(), static_cast<size_t>(count));
    done += static_cast<uint64_t>(count);
    front_end.progress(
        {{static_cast<double>(done) / static_cast<double>(std::max<uint64_t>(size, 1)),
          {file.filename().string(), "its hash"}}});
    front_end.check_cancelled();
  }
  front_end.progress({});
  return hash.finish();
}

}  // namespace

ContentHashes::ContentHashes(fs::path note) : note_(std::move(note)) {
  if (!is_there(note_)) return;
  try {
    const json all = io::parse_json(read_text(note_, kMostNote), note_.string());
    for (const auto& [key, its] : all.items()) {
      Known known{{its.at("size").get<uint64_t>(), its.at("time").get<int64_t>(),
                   its.at("number").get<uint64_t>()},
                  its.at("sha256").get<std::string>()};
      if (is_sha256(known.sha256)) known_.insert_or_assign(key, std::move(known));
    }
  } catch (const std::exception&) {
    known_.clear();
  }
}

std::string ContentHashes::sha256(const fs::path& file, FrontEnd& front_end) {
  if (std::string name = name_of_blob(file); !name.empty()) return name;
  const FileIdentity identity = FileIdentity::of(file);
  const std::string key = fmt::format("{}:{}", identity.device, identity.number);
  const FileVersion version = FileVersion::of(file);
  const auto found = known_.find(key);
  if (found != known_.end() && found->second.version == version) return found->second.sha256;
  const std::string hash = hash_of(file, version.size, front_end);
  if (FileVersion::of(file) != version) fail("{} has changed while it was read", file.string());
  if (known_.size() >= kMostKnown) known_.clear();
  known_.insert_or_assign(key, Known{version, hash});
  write();
  return hash;
}

void ContentHashes::write() const {
  json all = json::object();
  for (const auto& [key, its] : known_) {
    all[key] = {{"size", its.version.size},
                {"time", its.version.time},
                {"number", its.version.number},
                {"sha256", its.sha256}};
  }
  try {
    std::error_code ignored;
    fs::create_directories(note_.parent_path(), ignored);
    write_text(note_, all.dump(1));
  } catch (const std::exception&) {  // it is computed again next time
  }
}

}  // namespace graft::hub
