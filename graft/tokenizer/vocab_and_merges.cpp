#include "graft/tokenizer/vocab_and_merges.h"

#include <algorithm>
#include <map>
#include <vector>

#include "graft/base/error.h"
#include "graft/io/json.h"

namespace graft::tokenizer {
namespace {

// How a class splits texts, and the tokens that it has unless the config names others.
struct Class {
  bool nfc = false;
  const char* pattern = nullptr;  // before the bytes are spelled; null: GPT-2's
  std::map<std::string, std::string> tokens;
};

constexpr const char* kEnd = "<|endoftext|>";
constexpr const char* kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

const std::map<std::string, Class>& classes() {
  static const Class gpt2{
      .tokens = {{"bos_token", kEnd}, {"eos_token", kEnd}, {"unk_token", kEnd}}};
  static const std::map<std::string, Class> all = {
      {"GPT2Tokenizer", gpt2},
      {"CodeGenTokenizer", gpt2},
      {"GPTNeoXTokenizer",
       {.nfc = true,
        .tokens = {{"bos_token", kEnd},
                   {"eos_token", kEnd},
                   {"unk_token", kEnd},
                   {"pad_token", "<|padding|>"}}}},
      {"Qwen2Tokenizer",
       {.nfc = true,
        .pattern = kQwen2Pattern,
        .tokens = {{"eos_token", kEnd}, {"unk_token", kEnd}, {"pad_token", kEnd}}}},
  };
  return all;
}

ordered_json read_merges(std::string_view text, const std::string& name) {
  ordered_json merges = ordered_json::array();
  for (int64_t line = 1; !text.empty(); ++line) {
    std::string_view merge = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(merge.size() + 1, text.size()));
    if (merge.ends_with('\r')) merge.remove_suffix(1);
    if (merge.starts_with("#version")) continue;
    const size_t space = merge.find(' ');
    if (space == std::string_view::npos || space == 0 || space + 1 == merge.size() ||
        merge.find(' ', space + 1) != std::string_view::npos) {
      fail("{}:{}: two tokens with a space between them are expected", name, line);
    }
    merges.push_back({merge.substr(0, space), merge.substr(space + 1)});
  }
  return merges;
}

}  // namespace

TokenizerDocuments vocab_and_merges(std::string_view vocab, const std::string& vocab_name,
                                    std::string_view merges, const std::string& merges_name,
                                    const std::string& tokenizer_class,
                                    const TokenizerConfig& config) {
  const auto found = classes().find(tokenizer_class);
  if (found == classes().end()) {
    fail(
        "{}: as in transformers, the class {} does not read vocab.json and merges.txt, and there "
        "is no tokenizer.json; tokenizer_class may name GPT2Tokenizer, GPTNeoXTokenizer, "
        "CodeGenTokenizer or Qwen2Tokenizer",
        vocab_name, tokenizer_class);
  }
  const Class& its = found->second;
  const ordered_json byte_level = {{"type", "ByteLevel"},
                                   {"add_prefix_space", config.add_prefix_space.value_or(false)},
                                   {"trim_offsets", true},
                                   {"use_regex", its.pattern == nullptr}};
  TokenizerDocuments documents;
  ordered_json& json = documents.tokenizer_json;
  json = {{"version", "1.0"}, {"added_tokens", ordered_json::array()}, {"normalizer", nullptr}};
  if (its.nfc) json["normalizer"] = {{"type", "NFC"}};
  json["pre_tokenizer"] = byte_level;
  if (its.pattern != nullptr) {
    const ordered_json split = {{"type", "Split"},
                                {"pattern", {{"Regex", its.pattern}}},
                                {"behavior", "Isolated"},
                                {"invert", false}};
    json["pre_tokenizer"] = {{"type", "Sequence"}, {"pretokenizers", {split, byte_level}}};
  }
  json["post_processor"] = nullptr;
  json["decoder"] = {{"type", "ByteLevel"}};
  json["model"] = {{"type", "BPE"},
                   {"fuse_unk", false},
                   {"byte_fallback", false},
                   {"vocab", io::parse_ordered_json(vocab, vocab_name)},
                   {"merges", read_merges(merges, merges_name)}};
  documents.tokenizer_config_json = its.tokens;
  return documents;
}

}  // namespace graft::tokenizer
