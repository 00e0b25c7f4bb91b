#include "graft/tokenizer/tokenizer_files.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/json_field.h"
#include "graft/tokenizer/sentencepiece_model.h"
#include "graft/tokenizer/sentencepiece_tokenizer.h"
#include "graft/tokenizer/tekken_tokenizer.h"
#include "graft/tokenizer/tiktoken_tokenizer.h"
#include "graft/tokenizer/tokenizer_class.h"
#include "graft/tokenizer/vocab_and_merges.h"

namespace graft::tokenizer {
namespace {

std::string read_if_there(const fs::path& path) {
  if (!is_there(path)) return {};
  std::string text = read_text(path);
  if (text.empty()) fail("{}: the file is empty", path.string());
  return text;
}

// What config.json says of the tokenizer.
void read_model_config(const fs::path& config, TokenizerFiles& files) {
  if (!is_there(config)) return;
  const json document = io::parse_json(read_text(config), config.string());
  const JsonField root(document, config.string());
  if (const auto field = root.find("model_type")) files.model_type = field->string();
  if (const auto field = root.find("tokenizer_class")) files.model_class = field->string();
}

std::optional<fs::path> first_tiktoken_file(const fs::path& folder) {
  for (const fs::path& path : entries_of(folder)) {
    if (path.extension() == ".tiktoken") return path;
  }
  return {};
}

SentencePieceHints sentencepiece_hints(const TokenizerFiles& files, const TokenizerConfig& config) {
  using SpacePrefix = SentencePieceHints::SpacePrefix;
  SentencePieceHints hints;
  // On its own, the file is read as SentencePiece reads it. In a model's folder it is read as
  // transformers reads it, which depends on the class.
  if (files.tokenizer_config_json.empty() && files.model_type.empty()) return hints;
  hints.merge_order = SentencePieceHints::MergeOrder::by_id;
  hints.add_bos_token = config.add_bos_token;
  hints.add_eos_token = config.add_eos_token;
  if (class_of(files, config) == "LlamaTokenizer") {
    hints.space_prefix =
        config.legacy.value_or(false) ? SpacePrefix::each_part : SpacePrefix::text_start;
    hints.add_prefix_space = config.add_prefix_space.value_or(true);
  } else {
    hints.space_prefix = SpacePrefix::text_start;
    hints.add_prefix_space = false;
  }
  return hints;
}

TiktokenHints tiktoken_hints(const TokenizerFiles& files, const TokenizerConfig& config) {
  auto named = [&](const char* name) -> std::optional<std::string> {
    auto found = config.special_tokens.find(name);
    if (found == config.special_tokens.end()) return std::nullopt;
    return found->second;
  };
  return {.tokenizer_class = config.tokenizer_class,
          .model_type = files.model_type,
          .added = config.added,
          .bos_token = named("bos_token"),
          .eos_token = named("eos_token"),
          .pad_token = named("pad_token"),
          .unk_token = named("unk_token"),
          .add_bos_token = config.add_bos_token,
          .add_eos_token = config.add_eos_token};
}

// Uses the documents instead of the files. The values of tokenizer_config.json take precedence,
// except the class: its pipeline is in the documents already.
void take(TokenizerDocuments documents, const fs::path& path, TokenizerFiles& files) {
  files.tokenizer_json = documents.tokenizer_json.dump();
  files.name = path.string();
  files.is_converted = true;
  files.decoder_is_converted = true;
  if (!files.tokenizer_config_json.empty()) {
    json own = io::parse_json(files.tokenizer_config_json, files.config_name);
    own.erase("tokenizer_class");
    files.decoder_is_converted = !own.contains("added_tokens_decoder");
    for (const auto& [key, value] : own.items()) documents.tokenizer_config_json[key] = value;
  }
  files.tokenizer_config_json = documents.tokenizer_config_json.dump();
}

}  // namespace

std::string class_of(const TokenizerFiles& files, const TokenizerConfig& config) {
  const std::string& named =
      config.tokenizer_class.empty() ? files.model_class : config.tokenizer_class;
  // Of megabytes of text, and it matters for this class alone.
  const bool byte_level = named.starts_with("LlamaTokenizer") &&
                          files.tokenizer_json.find("\"ByteLevel\"") != std::string::npos;
  return resolved_class(named, files.model_type, byte_level);
}

TokenizerFiles read_tokenizer_files(const fs::path& folder) {
  fs::path config_path = folder / "tokenizer_config.json";
  fs::path map_path = folder / "special_tokens_map.json";
  fs::path added_path = folder / "added_tokens.json";
  TokenizerFiles files{.tokenizer_config_json = read_if_there(config_path),
                       .special_tokens_map_json = read_if_there(map_path),
                       .name = (folder / "tokenizer.json").string(),
                       .config_name = config_path.string(),
                       .special_tokens_map_name = map_path.string(),
                       .added_tokens_name = added_path.string()};
  files.added_tokens_json = read_if_there(added_path);
  read_model_config(folder / "config.json", files);
  if (is_there(folder / "tokenizer.json")) {
    files.tokenizer_json = read_text(folder / "tokenizer.json");
    return files;
  }
  TokenizerConfig config = read_tokenizer_config(files.config_files());
  auto take_tiktoken = [&](std::string_view bytes, const fs::path& path) {
    take(tiktoken_tokenizer(bytes, tiktoken_hints(files, config), path.string()), path, files);
  };
  const fs::path model = folder / "tokenizer.model", tekken = folder / "tekken.json";
  const fs::path vocab = folder / "vocab.json", merges = folder / "merges.txt";
  if (is_there(model)) {
    std::string bytes = read_text(model);
    if (looks_like_tiktoken(bytes)) {
      take_tiktoken(bytes, model);
    } else if (looks_like_sentencepiece(bytes)) {
      // sentencepiece and Hugging Face's Precompiled read it differently.
      SentencePieceModel parsed = parse_sentencepiece_model(bytes, model.string());
      if (!parsed.precompiled_charsmap.empty()) {
        fail("{}: its map of characters (precompiled_charsmap) is not supported", model.string());
      }
      take(sentencepiece_tokenizer(parsed, model.string(), sentencepiece_hints(files, config)),
           model, files);
    } else {
      fail("{}: is neither a SentencePiece model nor a tiktoken file", model.string());
    }
  } else if (std::optional<fs::path> tiktoken = first_tiktoken_file(folder)) {
    take_tiktoken(read_text(*tiktoken), *tiktoken);
  } else if (is_there(tekken)) {
    take(tekken_tokenizer(read_text(tekken), tekken.string()), tekken, files);
  } else if (is_there(vocab) && is_there(merges)) {
    take(vocab_and_merges(read_text(vocab), vocab.string(), read_text(merges), merges.string(),
                          class_of(files, config), config),
         vocab, files);
  } else {
    fail(
        "{}: no tokenizer.json (nor tokenizer.model, *.tiktoken, tekken.json, or vocab.json with "
        "merges.txt); a model folder holds one beside its config.json",
        folder.string());
  }
  return files;
}

}  // namespace graft::tokenizer
