#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"

namespace graft::hub {

/// What the server has said of an upload in parts: where each of them goes, and who is told at the
/// end.
struct PartsPlan {
  uint64_t part_size = 0;
  std::string complete;               // address
  std::optional<std::string> verify;  // address
  std::vector<std::string> parts;     // addresses, in order
};

/// An upload in parts on its way, and the note of it on the disk by which another process goes on
/// with it: addresses and which parts the server has. The addresses let their holder write, so that
/// the folder is the user's alone.
class UploadNotes {
 public:
  /// What an earlier try has left of a file of this hash and size; nothing if there is nothing, or
  /// nothing that makes sense.
  static std::optional<UploadNotes> find(const fs::path& path, const std::string& oid,
                                         uint64_t size);
  /// Throws Error if the note cannot be written.
  static UploadNotes begin(const fs::path& path, const std::string& oid, uint64_t size,
                           PartsPlan plan);

  const PartsPlan& plan() const { return plan_; }
  /// What the server called a part when it had it; empty: it has not..
  const std::string& etag(size_t part) const { return etags_[part]; }
  void set_etag(size_t part, std::string etag);
  void discard();

 private:
  void write() const;

  fs::path path_;
  std::string oid_;
  uint64_t size_ = 0;
  PartsPlan plan_;
  std::vector<std::string> etags_;
};

}  // namespace graft::hub
