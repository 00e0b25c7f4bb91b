#pragma once

#include <array>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

namespace graft::data::check {

/// Spellings of control tokens, to be found in texts.
class ControlTokens {
 public:
  /// Those that several families of models know, where no tokenizer says which there are.
  ControlTokens();
  /// Those of a tokenizer (tokenizer::special_tokens_of).
  explicit ControlTokens(const std::set<std::string>& spellings);

  /// Calls `use` for each that stands in a text, with where it begins: of those that begin there
  /// the longest.
  void find(std::string_view text,
            const std::function<void(std::string_view spelling, size_t at)>& use) const;

 private:
  std::unordered_set<std::string> spellings_;
  std::array<std::vector<size_t>, 256> sizes_;  // by first byte: of spellings, the longest first
};

}  // namespace graft::data::check
