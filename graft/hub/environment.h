#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace graft::hub {

namespace fs = std::filesystem;

/// Where the Hub and its cache are, from the variables that the Python package `huggingface_hub`
/// reads (its `constants.py`), so that both share one cache and one token.
struct Environment {
  std::string endpoint;              // HF_ENDPOINT, without a slash at the end
  fs::path cache;                    // HF_HUB_CACHE, else hub/ in HF_HOME
  fs::path notes;                    // graft/ in HF_HOME: what graft notes beside the cache
  std::optional<std::string> token;  // HF_TOKEN, else the file that `hf auth login` writes
  bool offline = false;              // HF_HUB_OFFLINE
  long timeout_seconds = 10;         // HF_HUB_DOWNLOAD_TIMEOUT: without an answer or a byte

  /// Throws UsageError for an endpoint that is neither https nor on this machine. Warns of a token
  /// file that others may read.
  static Environment read();
};

}  // namespace graft::hub
