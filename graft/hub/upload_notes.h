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

/// An upload in parts on its way, and the note of it on the disk by which another process goes on
/// with it: addresses and which parts the server has. The addresses let their holder write, so that
/// the folder is the user's alone. A note that cannot be written is done without, after a warning.
class UploadNotes {
 public:
  /// Whose note it is, and where it lies.
  struct Of {
    fs::path path;
    std::string endpoint;
    std::string oid;
    uint64_t size = 0;
    std::shared_ptr<FrontEnd> front_end = silent_front_end();
  };

  /// What an earlier try has left; nothing if there is nothing, nothing that makes sense, or
  /// nothing of the last day: addresses run out.
  static std::optional<UploadNotes> find(const Of& of);
  /// Removes what others have left for a week.
  static UploadNotes begin(const Of& of, PartsPlan plan, const std::optional<std::string>& verify);

  const PartsPlan& plan() const { return plan_; }
  const std::optional<std::string>& verify() const { return verify_; }
  /// What the server called a part when it had it; empty: it has not.
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
