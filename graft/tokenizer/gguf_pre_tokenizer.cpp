#include "graft/tokenizer/gguf_pre_tokenizer.h"

#include <utility>

namespace graft::tokenizer {
namespace {

constexpr std::string_view kDigit = R"(\p{N})";
constexpr std::string_view kQwen35 =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?[\p{L}\p{M}]+|\p{N}| ?[^\s\p{L}\p{M}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kTekken =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"(|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kO200k =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kDeepSeekV3 =
    R"([!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+)"
    R"(| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";
constexpr std::string_view kSeedCoder =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1}| ?[^\s\p{L}\p{N}\r\n]+|\s*[\r\n]+|\s+(?!\S)|\s+)";

std::vector<GgufPreTokenizer> all_names() {
  const std::string_view gpt2 = pattern_of(SplitRule::gpt2);
  const std::string_view llama3 = pattern_of(SplitRule::llama3);
  const std::string_view qwen2 = pattern_of(SplitRule::qwen2);
  return {
      {.name = "gpt-2", .patterns = {gpt2}},
      {.name = "phi-2", .patterns = {gpt2}},
      {.name = "olmo", .patterns = {gpt2}, .nfc = true},
      {.name = "mpt", .patterns = {gpt2}, .nfc = true},
      {.name = "smollm", .patterns = {kDigit, gpt2}},
      {.name = "starcoder", .patterns = {kDigit, gpt2}},
      {.name = "refact", .patterns = {kDigit, gpt2}},
      {.name = "command-r", .patterns = {kDigit, gpt2}, .nfc = true},
      {.name = "llama-bpe", .patterns = {llama3}, .ignore_merges = true, .adds_bos = true},
      {.name = "llama3", .patterns = {llama3}, .ignore_merges = true, .adds_bos = true},
      {.name = "llama-v3", .patterns = {llama3}, .ignore_merges = true, .adds_bos = true},
      {.name = "smaug-bpe", .patterns = {llama3}},
      {.name = "dbrx", .patterns = {llama3}},
      {.name = "qwen2", .patterns = {qwen2}, .nfc = true},
      {.name = "deepseek-r1-qwen", .patterns = {qwen2}, .nfc = true},
      {.name = "qwen35", .patterns = {kQwen35}, .nfc = true},
      {.name = "tekken",
       .patterns = {kTekken},
       .ignore_merges = true,
       .adds_bos = true,
       .is_rough = true},
      {.name = "gpt-4o", .patterns = {kO200k}, .is_rough = true},
      {.name = "llama4", .patterns = {kO200k}, .is_rough = true},
      {.name = "deepseek-v3",
       .patterns = {R"(\p{N}{1,3})", "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+", kDeepSeekV3}},
      {.name = "deepseek-coder",
       .patterns = {R"([\r\n])", R"(\s?\p{L}+)", R"(\s?\p{P}+)",
                    "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+", kDigit}},
      {.name = "seed-coder", .patterns = {kSeedCoder}},
  };
}

// Files spell a line end as an escape or as itself.
std::string with_escapes(std::string_view pattern) {
  std::string spelled;
  for (const char c : pattern) {
    if (c == '\r' || c == '\n') {
      spelled += c == '\r' ? "\\r" : "\\n";
    } else {
      spelled += c;
    }
  }
  return spelled;
}

struct PatternOf {
  using Result = std::optional<std::string>;

  Result operator()(SplitRule rule) const { return std::string(pattern_of(rule)); }
  Result operator()(const CharacterSet& set) const {
    if (set.categories != unicode::kNumbers || set.flags != 0) return std::nullopt;
    return std::string(kDigit);
  }
  Result operator()(const std::string&) const { return std::nullopt; }
  Result operator()(const regex::Regex& regex) const { return with_escapes(regex.pattern()); }
};

// The matches and what lies between them are words: also where a rule that leaves nothing out says
// that only its matches are.
bool isolates(const Splitter& splitter) {
  if (splitter.behavior() == SplitBehavior::isolated) return true;
  const auto* rule = std::get_if<SplitRule>(&splitter.pattern());
  return rule != nullptr && covers_text(*rule) && splitter.inverts() &&
         splitter.behavior() == SplitBehavior::removed;
}

}  // namespace

std::span<const GgufPreTokenizer> gguf_pre_tokenizers() {
  static const std::vector<GgufPreTokenizer> all = all_names();
  return all;
}

std::optional<std::vector<std::string>> split_patterns(const PreTokenizer& pre_tokenizer) {
  std::vector<std::string> patterns;
  for (const PreTokenizer::Step& step : pre_tokenizer.steps()) {
    const auto* splitter = std::get_if<Splitter>(&step);
    if (splitter == nullptr || !isolates(*splitter)) return std::nullopt;
    std::optional<std::string> pattern = std::visit(PatternOf{}, splitter->pattern());
    if (!pattern) return std::nullopt;
    patterns.push_back(std::move(*pattern));
  }
  return patterns;
}

bool merges_make_every_token(const Bpe& bpe) {
  BpeModel model = bpe.model();
  model.ignore_merges = false;
  const Bpe plain(std::move(model));
  const Vocabulary& vocabulary = plain.model().vocabulary;
  Bpe::Workspace workspace;
  std::vector<int32_t> ids;
  for (int32_t id = 0; static_cast<size_t>(id) < vocabulary.id_limit(); ++id) {
    const std::string_view bytes = vocabulary.bytes(id);
    if (bytes.empty() || vocabulary.find_bytes(bytes) != id) continue;
    ids.clear();
    plain.encode(bytes, workspace, ids);
    if (ids != std::vector{id}) return false;
  }
  return true;
}

}  // namespace graft::tokenizer
