#include "graft/gguf/vocabulary.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/gguf/pipeline.h"
#include "graft/gguf/scores.h"
#include "graft/gguf/special_ids.h"
#include "graft/gguf/tokens.h"
#include "graft/io/json.h"
#include "graft/tokenizer/chat_template_sources.h"
#include "graft/tokenizer/gguf_tokenizer.h"
#include "graft/tokenizer/resolved_tokenizer.h"
#include "graft/tokenizer/tokenizer_files.h"

namespace graft::gguf {
namespace {

using tokenizer::AddedToken;
using tokenizer::Bpe;
using tokenizer::ResolvedTokenizer;
using tokenizer::Spelling;

// Whether added tokens take the white space behind them as llama.cpp has it for Phi-3.
bool strips_as_phi3(const ResolvedTokenizer& tokenizer) {
  static constexpr std::array<std::string_view, 3> kPlain = {"<unk>", "<s>", "<|endoftext|>"};
  size_t plain = 0;
  bool has_end = false, strips = false;
  for (const AddedToken& token : tokenizer.spec.added.tokens()) {
    const bool is_plain = std::find(kPlain.begin(), kPlain.end(), token.content) != kPlain.end();
    if (token.lstrip || token.single_word || token.rstrip == is_plain) return false;
    plain += is_plain ? 1 : 0;
    has_end = has_end || token.content == "</s>";
    strips = strips || token.rstrip;
  }
  return plain == kPlain.size() && has_end && strips;
}

class VocabularyWriter {
 public:
  VocabularyWriter(io::GgufKeys& writer, const io::ModelFolder& source, size_t rows,
                   FrontEnd& front_end)
      : writer_(writer),
        source_(source),
        rows_(rows),
        front_end_(front_end),
        files_(tokenizer::read_tokenizer_files(source.path())),
        tokenizer_(tokenizer::resolve_tokenizer(files_)) {}

  void write() {
    const Bpe* bpe = tokenizer_.spec.model.bpe();
    if (bpe == nullptr) fail("{}: a GGUF file cannot hold its model, a Unigram", files_.name);
    tokens_ = tokens_of(tokenizer_, rows_, files_.name);
    if (bpe->model().vocabulary.spelling() == Spelling::byte_level) {
      write_byte_level(*bpe);
    } else {
      write_characters(*bpe);
    }
    write_special_ids();
    write_chat_templates();
    check_flags();
  }

 private:
  template <class Value>
  void set(std::string_view key, const Value& value) {
    writer_.set(fmt::format("tokenizer.ggml.{}", key), value);
  }

  void write_tokens(std::string_view model, std::string_view pre) {
    set("model", model);
    set("pre", pre);
    set("tokens", tokens_.texts);
    std::vector<int32_t> types;
    for (const TokenType type : tokens_.types) types.push_back(static_cast<int32_t>(type));
    set("token_type", types);
  }

  void write_byte_level(const Bpe& bpe) {
    const std::string_view name =
        pre_tokenizer_of(tokenizer_, files_.model_type, files_.name, front_end_).name;
    std::vector<std::string> merges = merges_of(bpe);
    if (merges.empty())
      fail("{}: its byte-level BPE has no merges: it cuts texts into bytes", files_.name);
    write_tokens("gpt2", name);
    set("merges", merges);
    set("add_space_prefix", false);
    writer_.set(tokenizer::kGgufNfcKey, !tokenizer_.spec.normalizer.steps().empty());
  }

  void write_characters(const Bpe& bpe) {
    const auto prefix = space_prefix_of(tokenizer_, files_.name, front_end_);
    std::optional<tokenizer::SentencePieceModel> model;
    const fs::path path = source_.path() / "tokenizer.model";
    if (is_there(path)) {
      const std::string bytes = read_text(path);
      if (tokenizer::looks_like_sentencepiece(bytes)) {
        model = tokenizer::parse_sentencepiece_model(bytes, path.string());
      }
    }
    const std::vector<float> scores =
        scores_of(bpe, tokens_, model ? &*model : nullptr, files_.name, front_end_);
    write_tokens("llama", "default");
    set("scores", scores);
    set("add_space_prefix", prefix.has_value());
    if (prefix) writer_.set(tokenizer::kGgufSpacePrefixKey, tokenizer::gguf_name_of(*prefix));
  }

  static std::vector<std::string> merges_of(const Bpe& bpe) {
    const auto& [vocabulary, merges, unknown, fuse, fallback, ignore] = bpe.model();
    std::vector<std::pair<uint32_t, std::string>> ranked;
    merges.for_each([&](int32_t left, int32_t right, const tokenizer::Merge& merge) {
      std::string text = vocabulary.spelling(left) + ' ' + vocabulary.spelling(right);
      // No text is cut into tokens with a space in their spelling.
      if (std::count(text.begin(), text.end(), ' ') == 1) {
        ranked.emplace_back(merge.rank, std::move(text));
      }
    });
    std::sort(ranked.begin(), ranked.end());
    std::vector<std::string> texts;
    for (auto& [rank, text] : ranked) texts.push_back(std::move(text));
    return texts;
  }

  void write_special_ids() {
    const SpecialIds ids = special_ids_of(tokenizer_, tokens_, source_, files_.name, front_end_);
    const std::pair<const char*, SpecialIds::Id> keys[] = {
        {"bos_token_id", ids.bos},     {"eos_token_id", ids.eos},
        {"unknown_token_id", ids.unk}, {"seperator_token_id", ids.sep},  // as llama.cpp spells it
        {"padding_token_id", ids.pad}, {"mask_token_id", ids.mask},
        {"eot_token_id", ids.eot},     {"eom_token_id", ids.eom},
    };
    for (const auto& [key, id] : keys) {
      if (id) set(key, static_cast<uint32_t>(*id));
    }
    set("add_bos_token", ids.add_bos);
    set("add_eos_token", ids.add_eos);
  }

  void write_chat_templates() {
    std::vector<std::string> names;
    std::set<std::string> keys;
    for (const auto& [name, source] : tokenizer::read_chat_template_sources(source_.path())) {
      if (source.text.empty()) continue;
      if (name == tokenizer::kDefaultTemplate) {
        writer_.set("tokenizer.chat_template", source.text);
        continue;
      }
      std::string key = name;
      const auto is_plain = [](char c) {
        return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
      };
      std::replace_if(
          key.begin(), key.end(), [&](char c) { return !is_plain(c); }, '_');
      if (!keys.insert(key).second) {
        fail("{}: a GGUF file cannot tell its chat template {} from another", source.where,
             io::in_quotes(name));
      }
      names.push_back(key);
      writer_.set("tokenizer.chat_template." + key, source.text);
    }
    if (!names.empty()) writer_.set("tokenizer.chat_templates", names);
  }

  // Notes the added tokens whose flags llama.cpp does not have.
  void check_flags() {
    if (strips_as_phi3(tokenizer_)) return;
    std::string names;
    for (const AddedToken& token : tokenizer_.spec.added.tokens()) {
      const bool normalizes =
          token.normalized && tokenizer_.spec.normalizer.apply(token.content) != token.content;
      if (!token.lstrip && !token.rstrip && !token.single_word && !normalizes) continue;
      if (names.size() < kMostNames)
        names += (names.empty() ? "" : ", ") + io::in_quotes(token.content);
    }
    if (!names.empty()) {
      front_end_.note(
          "{}: llama.cpp looks for added tokens as they are written, and takes no white space with "
          "them, as this tokenizer does for {}",
          files_.name, names);
    }
  }

  static constexpr size_t kMostNames = 100;  // bytes, of a note

  io::GgufKeys& writer_;
  const io::ModelFolder& source_;
  size_t rows_;
  FrontEnd& front_end_;
  tokenizer::TokenizerFiles files_;
  ResolvedTokenizer tokenizer_;
  Tokens tokens_;
};

}  // namespace

bool wants_phi3_name(const io::ModelFolder& source) {
  return strips_as_phi3(
      tokenizer::resolve_tokenizer(tokenizer::read_tokenizer_files(source.path())));
}

void add_vocabulary(io::GgufKeys& writer, const io::ModelFolder& source, size_t rows,
                    FrontEnd& front_end) {
  VocabularyWriter(writer, source, rows, front_end).write();
}

}  // namespace graft::gguf
