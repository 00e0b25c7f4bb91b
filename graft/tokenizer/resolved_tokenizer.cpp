#include "graft/tokenizer/resolved_tokenizer.h"

#include <string>
#include <tuple>
#include <unordered_set>
#include <utility>
#include <vector>

#include "graft/tokenizer/class_pipeline.h"

namespace graft::tokenizer {
namespace {

// The library itself reads a tokenizer.json unless the config names a class that reads it in its
// own way.
ClassRules rules(const TokenizerFiles& files, const TokenizerConfig& config,
                 std::optional<ClassPipeline> pipeline) {
  const std::string& name = config.tokenizer_class;
  bool by_library =
      name.empty() || name == "PreTrainedTokenizerFast" || name == "TokenizersBackend";
  const bool adds_tokens = !pipeline || !config.lists_added;
  return {.pipeline = std::move(pipeline),
          .adds_tokens = adds_tokens,
          .exact_scores = files.is_converted || !by_library};
}

bool same_flags(const AddedToken& a, const AddedToken& b) {
  const auto flags = [](const AddedToken& token) {
    return std::tuple(token.single_word, token.lstrip, token.rstrip, token.normalized,
                      token.special);
  };
  return flags(a) == flags(b);
}

// The tokens of the config and its companions, in the order in which transformers adds them.
void add_tokens(const TokenizerConfig& config, const TokenizerFiles& files, TokenizerSpec& spec) {
  const Vocabulary& vocabulary = spec.model.vocabulary();
  std::unordered_set<std::string> named;
  for (const auto& [name, token] : config.named) {
    if (!name.empty()) named.insert(token.content);
  }
  for (AddedToken token : config.added) {
    const AddedToken* there = spec.added.find(token.content);
    const bool is_there = there != nullptr && same_flags(*there, token);
    if (!is_there && named.count(token.content) != 0) token.special = true;
    spec.added.add(std::move(token), vocabulary, files.config_name + ": its added tokens");
  }
  std::vector<AddedToken> added;
  for (const auto& [name, token] : config.named) {
    if (spec.added.find(token.content) == nullptr) added.push_back(token);
  }
  if (config.resets_flags) {
    for (const auto& [name, token] : config.named) {
      added.push_back({.content = token.content, .special = true});
    }
  }
  for (AddedToken& token : added) {
    spec.added.add(std::move(token), vocabulary, files.config_name);
  }
}

}  // namespace

ResolvedTokenizer resolve_tokenizer(const TokenizerFiles& files) {
  TokenizerConfig config = read_tokenizer_config(files.config_files());
  using Around = ClassPipeline::Around;
  Around around = Around::what_the_file_says;
  std::optional<ClassPipeline> pipeline;
  if (!files.is_converted) {
    const std::string resolved = class_of(files, config);
    add_class_tokens(resolved, config);
    pipeline = class_pipeline(resolved, config, files.config_name);
    if (pipeline) around = pipeline->around;
  }
  const bool names_padding = pipeline && pipeline->names_padding;
  TokenizerSpec spec = read_tokenizer_json(files.tokenizer_json, files.name,
                                           rules(files, config, std::move(pipeline)));
  if (!names_padding && !spec.padding_token.empty()) {
    config.name_unless_mentioned("pad_token", spec.padding_token);
  }
  add_tokens(config, files, spec);
  ResolvedTokenizer result{std::move(spec), std::move(config)};
  result.bos = result.id_of("bos_token");
  result.eos = result.id_of("eos_token");
  // A tokenizer.json's post-processor stands, whatever the config says, as in transformers since
  // 5.23.
  PostProcessor& post = result.spec.post_processor;
  if (around == Around::bos && result.bos) post.prefix = {*result.bos};
  const std::optional<bool> add_bos = result.config.add_bos_token;
  const std::optional<bool> add_eos = result.config.add_eos_token;
  if (files.is_converted && (add_bos || add_eos)) {
    post = {};
    if (add_bos.value_or(false) && result.bos) post.prefix = {*result.bos};
    if (add_eos.value_or(false) && result.eos) post.suffix = {*result.eos};
  }
  return result;
}

std::optional<int32_t> ResolvedTokenizer::id_of(const std::string& name) const {
  const auto found = config.special_tokens.find(name);
  if (found == config.special_tokens.end()) return std::nullopt;
  if (const AddedToken* token = spec.added.find(found->second)) return token->id;
  return spec.model.vocabulary().find_spelling(found->second);
}

}  // namespace graft::tokenizer
