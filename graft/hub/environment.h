#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "graft/base/front_end.h"

namespace graft::hub {

namespace fs = std::filesystem;

/// Where the Hub and its cache are, from the variables that the Python package `huggingface_hub`
/// reads (its `constants.py`), so that both share one cache and one token; and the front end for
/// messages about transfers. If its `cancelled()` becomes true, a running transfer throws
/// Cancelled: what has arrived is kept.
struct Environment {
  std::string endpoint;              // HF_ENDPOINT, without a slash at the end
  fs::path cache;                    // HF_HUB_CACHE, else hub/ in HF_HOME
  fs::path notes;                    // graft/ in HF_HOME: what graft notes beside the cache
  std::optional<std::string> token;  // HF_TOKEN, else the file that `hf auth login` writes
  bool offline = false;              // HF_HUB_OFFLINE
  long timeout_seconds = 10;         // HF_HUB_DOWNLOAD_TIMEOUT: without an answer or a byte
  std::shared_ptr<FrontEnd> front_end = silent_front_end();

  /// Throws UsageError for an endpoint that is neither https nor on this machine. Warns if others
  /// may read the token file.
  static Environment read(std::shared_ptr<FrontEnd> front_end = silent_front_end());
};

}  // namespace graft::hub
