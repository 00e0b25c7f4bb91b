#pragma once

#include <optional>
#include <string>

namespace graft::data {

/// The keys of a data set's rows that are not the usual ones: `text_key`, `prompt_key`,
/// `completion_key` and `messages_key`. One that is given decides the format.
struct RowKeys {
  std::optional<std::string> text = {}, prompt = {}, completion = {}, messages = {};

  bool any() const { return text || prompt || completion || messages; }
};

}  // namespace graft::data
