#include "graft/data/check/control_tokens.h"

#include <fmt/format.h>

#include <algorithm>

#include "graft/data/check/record_check.h"

namespace graft::data::check {
namespace {

const std::set<std::string>& common_tokens() {
  static const std::set<std::string> all = {"<s>",
                                            "</s>",
                                            "<bos>",
                                            "<eos>",
                                            "[INST]",
                                            "[/INST]",
                                            "<<SYS>>",
                                            "<</SYS>>",
                                            "[BOS]",
                                            "[EOS]",
                                            "<|im_start|>",
                                            "<|im_end|>",
                                            "<|endoftext|>",
                                            "<|begin_of_text|>",
                                            "<|end_of_text|>",
                                            "<|eot_id|>",
                                            "<|eom_id|>",
                                            "<|start_header_id|>",
                                            "<|end_header_id|>",
                                            "<|python_tag|>",
                                            "<|system|>",
                                            "<|user|>",
                                            "<|assistant|>",
                                            "<|end|>",
                                            "<|eot|>",
                                            "<|header_start|>",
                                            "<|header_end|>",
                                            "<|start|>",
                                            "<|message|>",
                                            "<|channel|>",
                                            "<|return|>",
                                            "<|call|>",
                                            "<|endofprompt|>",
                                            "<|fim_prefix|>",
                                            "<|fim_suffix|>",
                                            "<|fim_middle|>",
                                            "<start_of_turn>",
                                            "<end_of_turn>",
                                            "<|START_OF_TURN_TOKEN|>",
                                            "<|END_OF_TURN_TOKEN|>",
                                            "<\uFF5CUser\uFF5C>",
                                            "<\uFF5CAssistant\uFF5C>",
                                            "<\uFF5Cbegin\u2581of\u2581sentence\uFF5C>",
                                            "<\uFF5Cend\u2581of\u2581sentence\uFF5C>",
                                            "[TOOL_CALLS]",
                                            "[AVAILABLE_TOOLS]",
                                            "[SYSTEM_PROMPT]",
                                            "[/SYSTEM_PROMPT]"};
  return all;
}

void look_for_control_tokens(const RecordView& view, const ControlTokens& control,
                             const Found& found) {
  for_each_text(view, [&](const std::string& place, std::string_view text) {
    std::string first;
    size_t count = 0;
    control.find(text, [&](std::string_view spelling, size_t) {
      if (count++ == 0) first = spelling;
    });
    if (count == 1) found(place + ": " + first);
    if (count > 1) found(fmt::format("{}: {} and {} more", place, first, count - 1));
  });
}

}  // namespace

ControlTokens::ControlTokens() : ControlTokens(common_tokens()) {}

ControlTokens::ControlTokens(const std::set<std::string>& spellings) {
  constexpr size_t kShortest = 3;  // a shorter one is an everyday text, too
  for (const std::string& spelling : spellings) {
    if (spelling.size() < kShortest) continue;
    spellings_.insert(spelling);
    auto& sizes = sizes_[static_cast<unsigned char>(spelling.front())];
    if (std::find(sizes.begin(), sizes.end(), spelling.size()) == sizes.end()) {
      sizes.push_back(spelling.size());
    }
  }
  for (auto& sizes : sizes_) std::sort(sizes.rbegin(), sizes.rend());
}

void ControlTokens::find(
    std::string_view text,
    const std::function<void(std::string_view spelling, size_t at)>& use) const {
  std::string candidate;
  for (size_t at = 0; at < text.size();) {
    size_t taken = 1;
    for (const size_t size : sizes_[static_cast<unsigned char>(text[at])]) {
      if (size > text.size() - at) continue;
      candidate.assign(text.substr(at, size));
      if (spellings_.count(candidate) == 0) continue;
      use(candidate, at);
      taken = size;
      break;
    }
    at += taken;
  }
}

const RecordCheck kControlTokens = {
    {"control_token", "control tokens written out in texts",
     "the tokenizer takes them for its own: a turn seems to end where none does"},
    look_for_control_tokens};

}  // namespace graft::data::check
