#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace graft::generation {

/// Lets text through up to the first of some stop texts, and holds back only what may be the
/// beginning of one.
class StopFilter {
 public:
  explicit StopFilter(std::vector<std::string> stops);

  /// What can be shown after `text` has come.
  std::string push(std::string_view text);
  /// What was held back when no more comes.
  std::string finish();
  bool stopped() const { return stopped_; }

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace graft::generation
