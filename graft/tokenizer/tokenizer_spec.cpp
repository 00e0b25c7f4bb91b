#include "graft/tokenizer/tokenizer_spec.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/json_field.h"
#include "graft/tokenizer/json_reader.h"
#include "graft/tokenizer/model_fields.h"
#include "graft/tokenizer/pipeline_reader.h"
#include "graft/unicode/unicode.h"

namespace graft::tokenizer {
namespace {

constexpr size_t kMostAddedTokens = 1 << 18;
constexpr size_t kLongestAddedToken = 4096;

AddedToken read_added_token(const JsonField& field) {
  AddedToken token;
  token.id = static_cast<int32_t>(field.at("id").integer(0, kMostTokens - 1));
  token.content = field.at("content").string();
  token.single_word = field.boolean_or("single_word", false);
  token.lstrip = field.boolean_or("lstrip", false);
  token.rstrip = field.boolean_or("rstrip", false);
  token.special = field.boolean_or("special", false);
  token.normalized = field.boolean_or("normalized", !token.special);
  return token;
}

void read_added_tokens(const JsonField& field, TokenizerSpec& spec) {
  std::vector<JsonField> elements = field.elements();
  if (elements.size() > kMostAddedTokens) {
    fail("{}: {} added tokens; the most is {}", field.where(), elements.size(), kMostAddedTokens);
  }
  for (const JsonField& element : elements) {
    AddedToken token = read_added_token(element);
    if (spec.added.find(token.content) != nullptr) {
      fail("{}: {} is there twice", element.at("content").where(), io::in_quotes(token.content));
    }
    spec.added.add(std::move(token), spec.model.vocabulary(), element.where());
  }
}

void check_special_ids(const std::vector<int32_t>& ids, const TokenizerSpec& spec,
                       const JsonField& field) {
  for (int32_t id : ids) {
    const std::vector<AddedToken>& added = spec.added.tokens();
    bool known = spec.model.vocabulary().has(id) ||
                 std::any_of(added.begin(), added.end(),
                             [id](const AddedToken& token) { return token.id == id; });
    if (!known) fail("{}: adds token {}, which the vocabulary does not have", field.where(), id);
  }
}

// The document of a class that builds its own pipeline around the file's vocabulary and merges.
void rebuild(const ClassPipeline& pipeline, const std::string& name, json& document,
             json& options) {
  const json type = options.value("type", json("BPE"));
  if (type != "BPE") {
    fail(
        "{}: its model is no BPE, which the tokenizer_class of this folder builds; "
        "PreTrainedTokenizerFast takes the file as it is",
        name);
  }
  document["normalizer"] = pipeline.normalizer;
  document["pre_tokenizer"] = pipeline.pre_tokenizer;
  document["decoder"] = pipeline.decoder;
  if (pipeline.around != ClassPipeline::Around::what_the_file_says) {
    document["post_processor"] = nullptr;
  }
  options = pipeline.options;
}

}  // namespace

const AddedToken* AddedTokenList::find(std::string_view content) const {
  auto found = index_.find(std::string(content));
  return found == index_.end() ? nullptr : &tokens_[found->second];
}

int32_t AddedTokenList::add(AddedToken token, const Vocabulary& vocabulary,
                            const std::string& where) {
  if (token.content.empty()) fail("{}: an added token has no content", where);
  if (token.content.size() > kLongestAddedToken) {
    fail("{}: an added token of {} bytes; the longest is {}", where, token.content.size(),
         kLongestAddedToken);
  }
  auto [slot, is_new] = index_.try_emplace(token.content, tokens_.size());
  int32_t id;
  if (!is_new) {
    id = tokens_[slot->second].id;
  } else if (std::optional<int32_t> known = vocabulary.find_spelling(token.content)) {
    id = *known;
  } else {
    id = std::max(static_cast<int32_t>(vocabulary.count()), highest_ + 1);
    if (vocabulary.has(id) || id >= kMostTokens) {
      fail("{}: no free id for the added token {}: the vocabulary has gaps", where,
           io::in_quotes(token.content));
    }
  }
  if (token.id >= 0 && token.id != id) {
    fail("{}: the added token {} has id {}, but by its place in the vocabulary it is {}", where,
         io::in_quotes(token.content), token.id, id);
  }
  token.id = id;
  highest_ = std::max(highest_, id);
  if (is_new) {
    tokens_.push_back(std::move(token));
  } else {
    tokens_[slot->second] = std::move(token);
  }
  return id;
}

TokenizerSpec read_tokenizer_json(std::string_view text, const std::string& name,
                                  const ClassRules& classes) {
  size_t valid = unicode::valid_prefix(text);
  if (valid != text.size()) fail("{}: byte {}: not valid UTF-8", name, valid);
  std::optional<ModelFields> model;
  nlohmann::json rest = nlohmann::json::object();
  JsonReader reader(text, name);
  reader.object([&](std::string_view key) {
    if (key == "model") {
      if (model) fail("{}: \"model\" is there twice", name);
      model = take_model_fields(reader, name);
    } else {
      std::string owned(key);
      rest[owned] = io::parse_json(reader.skip(), fmt::format("{}: {}", name, io::in_quotes(key)));
    }
  });
  reader.finish();
  if (!model) fail("{}: has no \"model\"", name);

  if (classes.pipeline) rebuild(*classes.pipeline, name, rest, model->options);
  model->exact_scores = classes.exact_scores;
  JsonField root(rest, name);
  if (auto version = root.find("version"); version && version->string() != "1.0") {
    version->reject("version \"1.0\"");
  }
  // Whether bytes are spelled, which the pre-tokenizer says, decides how the vocabulary is read.
  Spelling spelling = Spelling::literal;
  PreTokenizer pre_tokenizer;
  if (auto field = root.find("pre_tokenizer")) pre_tokenizer = read_pre_tokenizer(*field, spelling);
  TokenizerSpec spec{.model = read_model(*model, spelling)};
  spec.pre_tokenizer = std::move(pre_tokenizer);
  if (auto field = root.find("added_tokens"); field && classes.adds_tokens) {
    read_added_tokens(*field, spec);
  }
  if (auto field = root.find("normalizer")) spec.normalizer = read_normalizer(*field);
  if (auto field = root.find("post_processor")) {
    spec.post_processor = read_post_processor(*field);
    check_special_ids(spec.post_processor.prefix, spec, *field);
    check_special_ids(spec.post_processor.suffix, spec, *field);
  }
  if (auto field = root.find("padding")) spec.padding_token = field->at("pad_token").string();
  if (auto field = root.find("decoder")) {
    spec.decoder = read_decoder(*field, spelling);
  } else if (spelling == Spelling::literal) {
    spec.decoder = Decoder({Decoder::JoinWithSpaces{}});
  }
  return spec;
}

}  // namespace graft::tokenizer
