#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graft::generation {

/// Passes text through up to the first stop text, and holds back only what may be the beginning of
/// one.
class StopFilter {
 public:
  explicit StopFilter(std::vector<std::string> stops);

  /// The text that can be shown once `text` has arrived.
  std::string push(std::string_view text);
  /// The text that was held back; call this when no more arrives.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace graft::generation
