#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/base/front_end.h"
#include "graft/hub/lfs_plan.h"

namespace graft::hub {

/// An upload in parts, and a note of it on disk with which another process can resume it: the
/// addresses, and which parts the server has. Whoever has the addresses can write, so only the user
/// can access the folder. If the note cannot be written, the upload goes on without it, after a
/// warning.
class UploadNotes {
 public:
  /// The upload that a note is for, and where the note lies.
  struct Of {
    fs::path path;
    std::string endpoint;
    std::string oid;
    uint64_t size = 0;
    std::shared_ptr<FrontEnd> front_end = silent_front_end();
  };

  /// The note of an earlier try; nothing if it is missing, damaged, or more than a day old:
  /// addresses expire.
  static std::optional<UploadNotes> find(const Of& of);
  /// Begins a note; also removes notes of others that are more than a week old.
  static UploadNotes begin(const Of& of, PartsPlan plan, const std::optional<std::string>& verify);

  const PartsPlan& plan() const { return plan_; }
  const std::optional<std::string>& verify() const { return verify_; }
  /// The ETag that the server gave a part; empty if it does not have the part.
  const std::string& etag(size_t part) const { return etags_[part]; }
  void set_etag(size_t part, std::string etag);
  size_t parts_there() const;
  void discard();

 private:
  explicit UploadNotes(Of of) : of_(std::move(of)) {}
  void write();

  Of of_;
  PartsPlan plan_;
  std::optional<std::string> verify_;
  std::vector<std::string> etags_;
  bool writable_ = true;
};

}  // namespace graft::hub
