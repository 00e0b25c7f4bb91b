#include <utility>

#include "graft/data/records/formats.h"
#include "graft/data/records/messages.h"

// A prompt and its completion, strings or lists of messages: TRL's and mlx-lm's.
namespace graft::data {
namespace {

std::string prompt_key(const RowKeys& keys) { return keys.prompt.value_or("prompt"); }
std::string completion_key(const RowKeys& keys) { return keys.completion.value_or("completion"); }

bool is_pair(const ordered_json& row, const RowKeys& keys) {
  return row.contains(prompt_key(keys)) && row.contains(completion_key(keys));
}

RecordContent read_pair(ordered_json& row, const RowKeys& keys, const std::string& where) {
  return std::visit([](auto&& answer) { return RecordContent(std::move(answer)); },
                    read_answer(row, prompt_key(keys), completion_key(keys), where));
}

}  // namespace

const RecordFormat kPairFormat = {"pair", "prompt, completion", is_pair, read_pair};

}  // namespace graft::data
