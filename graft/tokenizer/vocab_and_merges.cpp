#include "graft/tokenizer/vocab_and_merges.h"

#include <algorithm>
#include <optional>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/class_pipeline.h"

namespace graft::tokenizer {
namespace {

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
  const std::optional<ClassPipeline> its = class_pipeline(tokenizer_class, config, vocab_name);
  if (!its || its->decoder["type"] != "ByteLevel") {
    fail(
        "{}: as in transformers, the class {} does not read vocab.json and merges.txt, and there "
        "is no tokenizer.json; tokenizer_class may name GPT2Tokenizer, GPTNeoXTokenizer, "
        "CodeGenTokenizer or Qwen2Tokenizer",
        vocab_name, tokenizer_class);
  }
  TokenizerDocuments documents;
  documents.tokenizer_json = {{"version", "1.0"},
                              {"added_tokens", ordered_json::array()},
                              {"normalizer", its->normalizer},
                              {"pre_tokenizer", its->pre_tokenizer},
                              {"post_processor", nullptr},
                              {"decoder", its->decoder},
                              {"model", its->options}};
  ordered_json& model = documents.tokenizer_json["model"];
  model["vocab"] = io::parse_ordered_json(vocab, vocab_name);
  model["merges"] = read_merges(merges, merges_name);
  documents.tokenizer_config_json = class_tokens(tokenizer_class);
  return documents;
}

}  // namespace graft::tokenizer
