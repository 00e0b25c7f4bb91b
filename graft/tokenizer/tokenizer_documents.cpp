#include "graft/tokenizer/tokenizer_documents.h"

#include <utility>

namespace graft::tokenizer {
namespace {

using Json = nlohmann::ordered_json;
using Named = std::optional<TokenizerParts::Named>;

// BOS and EOS around every text. Null if there are none.
Json post_processor_json(const TokenizerParts& parts) {
  if (!parts.add_bos && !parts.add_eos) return nullptr;
  Json special = Json::object();
  auto token = [&](const Named& named, int type_id) -> Json {
    const std::string& content = named->content;
    special[content] = {{"id", content}, {"ids", {named->id}}, {"tokens", {content}}};
    return {{"SpecialToken", {{"id", content}, {"type_id", type_id}}}};
  };
  auto sequence = [&](const char* id, int type_id) {
    Json pieces = Json::array();
    if (parts.add_bos) pieces.push_back(token(parts.bos, type_id));
    pieces.push_back({{"Sequence", {{"id", id}, {"type_id", type_id}}}});
    if (parts.add_eos) pieces.push_back(token(parts.eos, type_id));
    return pieces;
  };
  Json single = sequence("A", 0), pair = single;
  for (Json& piece : sequence("B", 1)) pair.push_back(std::move(piece));
  return {{"type", "TemplateProcessing"},
          {"single", std::move(single)},
          {"pair", std::move(pair)},
          {"special_tokens", std::move(special)}};
}

Json flags_json(const AddedToken& token) {
  return {{"content", token.content},       {"single_word", token.single_word},
          {"lstrip", token.lstrip},         {"rstrip", token.rstrip},
          {"normalized", token.normalized}, {"special", token.special}};
}

Json added_tokens_json(const std::vector<AddedToken>& tokens) {
  Json::array_t added;
  for (const AddedToken& token : tokens) {
    Json entry;
    entry["id"] = token.id;
    entry.update(flags_json(token));
    added.push_back(std::move(entry));
  }
  return added;
}

Json config_json(const TokenizerParts& parts) {
  Json::object_t added;
  // push_back, not operator[]: an ordered object looks up keys by linear search.
  for (const AddedToken& token : parts.added) {
    added.push_back({std::to_string(token.id), flags_json(token)});
  }
  auto text_or_null = [](const Named& named) {
    return named ? Json(named->content) : Json(nullptr);
  };
  Json config = {{"add_bos_token", parts.add_bos},
                 {"add_eos_token", parts.add_eos},
                 {"add_prefix_space", false},
                 {"added_tokens_decoder", Json(std::move(added))},
                 {"bos_token", text_or_null(parts.bos)},
                 {"clean_up_tokenization_spaces", false},
                 {"eos_token", text_or_null(parts.eos)},
                 {"pad_token", text_or_null(parts.pad)},
                 {"tokenizer_class", "PreTrainedTokenizerFast"},
                 {"unk_token", text_or_null(parts.unk)}};
  if (!parts.chat_template.empty()) config["chat_template"] = parts.chat_template;
  if (parts.context_length) config["model_max_length"] = *parts.context_length;
  return config;
}

}  // namespace

TokenizerDocuments make_tokenizer_documents(TokenizerParts parts) {
  TokenizerDocuments documents;
  documents.tokenizer_json = {{"version", "1.0"},
                              {"truncation", nullptr},
                              {"padding", nullptr},
                              {"added_tokens", added_tokens_json(parts.added)},
                              {"normalizer", std::move(parts.normalizer)},
                              {"pre_tokenizer", std::move(parts.pre_tokenizer)},
                              {"post_processor", post_processor_json(parts)},
                              {"decoder", std::move(parts.decoder)}};
  // Moved into its place: an initializer list copies, and this is the large one.
  documents.tokenizer_json["model"] = std::move(parts.model);
  documents.tokenizer_config_json = config_json(parts);
  return documents;
}

Json bpe_model_json(Json vocabulary, Json merges) {
  Json model = {{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", nullptr},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", false},
                {"byte_fallback", false},
                {"ignore_merges", false}};
  model["vocab"] = std::move(vocabulary);
  model["merges"] = std::move(merges);
  return model;
}

Json byte_level_json(bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", false},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

Json split_json(std::string_view pattern) {
  return {{"type", "Split"},
          {"pattern", {{"Regex", pattern}}},
          {"behavior", "Isolated"},
          {"invert", false}};
}

Json replace_json(Json pattern, std::string_view content) {
  return {{"type", "Replace"}, {"pattern", std::move(pattern)}, {"content", content}};
}

Json sequence_json(std::string_view key, std::vector<Json> components) {
  if (components.empty()) return nullptr;
  if (components.size() == 1) return std::move(components[0]);
  return {{"type", "Sequence"}, {std::string(key), Json(std::move(components))}};
}

}  // namespace graft::tokenizer
