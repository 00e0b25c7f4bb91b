#include "graft/convert/gguf_tokenizer_files.h"

#include <cstdint>
#include <limits>
#include <vector>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/gguf_tokenizer.h"
#include "graft/tokenizer/tokenizer.h"
#include "graft/tokenizer/tokenizer_files.h"

namespace graft::convert {
namespace {

class TokenizerMetadata {
 public:
  explicit TokenizerMetadata(const io::GgufFile& file) : file_(file) {}

  std::string text(const std::string& key) const {
    return std::string(file_.metadata().text(key).value_or(""));
  }

  std::vector<std::string> texts(const std::string& key) const {
    auto views = file_.metadata().texts(key);
    if (!views) return {};
    return {views->begin(), views->end()};
  }

  std::vector<double> numbers(const std::string& key) const {
    return file_.metadata().numbers(key).value_or(std::vector<double>());
  }

  std::vector<int32_t> types(const std::string& key) const {
    std::vector<int32_t> result;
    auto values = file_.metadata().integers(key);
    if (!values) return result;
    for (int64_t value : *values) {
      if (value < 0 || value > std::numeric_limits<int32_t>::max()) {
        fail("{}: the metadata {} holds {}", file_.path().string(), io::in_quotes(key), value);
      }
      result.push_back(static_cast<int32_t>(value));
    }
    return result;
  }

  std::optional<int64_t> id(const std::string& key) const {
    auto value = file_.metadata().unsigned_number(key);
    if (!value) return std::nullopt;
    if (*value > std::numeric_limits<int32_t>::max()) {
      fail("{}: the metadata {} is {}", file_.path().string(), io::in_quotes(key), *value);
    }
    return static_cast<int64_t>(*value);
  }

  std::optional<bool> flag(const std::string& key) const { return file_.metadata().flag(key); }

 private:
  const io::GgufFile& file_;
};

}  // namespace

std::map<std::string, std::string> gguf_tokenizer_files(const io::GgufFile& file,
                                                        FrontEnd& front_end) {
  TokenizerMetadata metadata(file);
  tokenizer::GgufTokenizer tokenizer{
      .model = metadata.text("tokenizer.ggml.model"),
      .pre = metadata.text("tokenizer.ggml.pre"),
      .tokens = metadata.texts("tokenizer.ggml.tokens"),
      .scores = metadata.numbers("tokenizer.ggml.scores"),
      .merges = metadata.texts("tokenizer.ggml.merges"),
      .token_types = metadata.types("tokenizer.ggml.token_type"),
      .bos_token_id = metadata.id("tokenizer.ggml.bos_token_id"),
      .eos_token_id = metadata.id("tokenizer.ggml.eos_token_id"),
      .unk_token_id = metadata.id("tokenizer.ggml.unknown_token_id"),
      .pad_token_id = metadata.id("tokenizer.ggml.padding_token_id"),
      .add_bos_token = metadata.flag("tokenizer.ggml.add_bos_token"),
      .add_eos_token = metadata.flag("tokenizer.ggml.add_eos_token"),
      .add_space_prefix = metadata.flag("tokenizer.ggml.add_space_prefix"),
      .chat_template = metadata.text("tokenizer.chat_template"),
      .context_length = metadata.id(metadata.text("general.architecture") + ".context_length"),
      .nfc = metadata.flag(tokenizer::kGgufNfcKey),
      .space_prefix = metadata.text(tokenizer::kGgufSpacePrefixKey)};
  tokenizer::TokenizerDocuments documents =
      tokenizer::convert_gguf_tokenizer(tokenizer, file.path().string(), front_end);
  tokenizer::TokenizerFiles files{.is_converted = true,
                                  .name = file.path().string() + ": its tokenizer",
                                  .config_name = file.path().string() + ": its tokenizer's config"};
  try {
    files.tokenizer_json = documents.tokenizer_json.dump(2);
    files.tokenizer_config_json = documents.tokenizer_config_json.dump(2);
  } catch (const ordered_json::type_error&) {
    fail("{}: its tokenizer or chat template is not valid UTF-8", file.path().string());
  }
  tokenizer::Tokenizer::parse(files);  // what cannot be read back is not written
  return {{"tokenizer.json", files.tokenizer_json},
          {"tokenizer_config.json", files.tokenizer_config_json}};
}

}  // namespace graft::convert
