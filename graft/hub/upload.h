#pragma once

#include <string>
#include <vector>

#include "graft/hub/environment.h"
#include "graft/hub/local_file.h"
#include "graft/hub/repository.h"

namespace graft::hub {

struct UploadOptions {
  bool make_private = false;  // the repository, if it is not there yet
  std::string message;        // of the commit
};

struct Uploaded {
  std::string page;      // the repository's address
  bool changed = false;  // false: the repository had all of it already
};

/// Creates a model's repository unless it exists, and adds files to its branch in one commit: large
/// ones by LFS first, several at once. What the server has is not sent again, so a broken upload
/// resumes when it is started again. Throws ConnectionError, and Error that says what to do; the
/// repository's files are then unchanged.
Uploaded upload(const Environment& environment, const Repository& repository,
                const std::vector<LocalFile>& files, const UploadOptions& options);

/// Throws Error if nothing can be uploaded: offline, without a token, or with one that the Hub does
/// not know. Does nothing if the Hub cannot be reached.
void check_can_upload(const Environment& environment);

/// Resolves a name as `mlx-examples` does: a plain name belongs to the MLX community, `owner/name`
/// stands for itself. Throws UsageError for an invalid name.
Repository upload_target(const std::string& name);

}  // namespace graft::hub
