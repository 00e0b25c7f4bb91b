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

/// Makes a model's repository unless it is there, and puts files into it as one commit on its
/// branch: what is large by LFS first, several files at once. What the server has it is not sent
/// again, so that a broken upload goes on when it is started again. Throws ConnectionError, and
/// Error that says what to do; then the repository's files are as they were.
Uploaded upload(const Environment& environment, const Repository& repository,
                const std::vector<LocalFile>& files, const UploadOptions& options);

/// Throws Error if nothing can be uploaded: offline, without a token, or with one that the Hub does
/// not know. Says nothing where the Hub cannot be reached.
void check_can_upload(const Environment& environment);

/// As `mlx-examples` has it: a plain name is one of the MLX community, `owner/name` is itself.
/// Throws UsageError for what is no name.
Repository upload_target(const std::string& name);

}  // namespace graft::hub
