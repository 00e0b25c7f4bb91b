#include "graft/tokenizer/class_pipeline.h"

#include <set>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/tokenizer/tokenizer_documents.h"

namespace graft::tokenizer {
namespace {

using nlohmann::json;

constexpr const char* kEnd = "<|endoftext|>";
constexpr const char* kSpace = "\u2581";
constexpr const char* kQwen2Pattern =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

json byte_level(const TokenizerConfig& config, bool use_regex) {
  return {{"type", "ByteLevel"},
          {"add_prefix_space", config.add_prefix_space.value_or(false)},
          {"trim_offsets", true},
          {"use_regex", use_regex}};
}

ClassPipeline gpt2(const TokenizerConfig& config) {
  return {.normalizer = nullptr,
          .pre_tokenizer = byte_level(config, true),
          .decoder = {{"type", "ByteLevel"}},
          .options = {{"type", "BPE"}},
          .names_padding = true};
}

ClassPipeline gpt_neox(const TokenizerConfig& config) {
  ClassPipeline pipeline = gpt2(config);
  pipeline.normalizer = {{"type", "NFC"}};
  pipeline.around = ClassPipeline::Around::nothing;
  return pipeline;
}

ClassPipeline qwen2(const TokenizerConfig& config) {
  ClassPipeline pipeline = gpt2(config);
  pipeline.normalizer = {{"type", "NFC"}};
  pipeline.pre_tokenizer =
      sequence_json("pretokenizers", {split_json(kQwen2Pattern), byte_level(config, false)});
  return pipeline;
}

json with_byte_fallback(const json& unknown) {
  return {{"type", "BPE"}, {"byte_fallback", true}, {"fuse_unk", true}, {"unk_token", unknown}};
}

// Spaces are spelled with a sign of their own, and unknown characters as bytes.
json metaspace_decoder(bool strips) {
  json steps = {
      replace_json({{"String", kSpace}}, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}};
  if (strips) steps.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  return {{"type", "Sequence"}, {"decoders", std::move(steps)}};
}

json metaspace(const char* prepend_scheme) {
  return {{"type", "Metaspace"},
          {"replacement", kSpace},
          {"prepend_scheme", prepend_scheme},
          {"split", false}};
}

// The model's unknown token, which must be in the vocabulary.
json unknown_token(const TokenizerConfig& config) {
  const auto found = config.special_tokens.find("unk_token");
  return found == config.special_tokens.end() ? "None" : found->second;  // Python's str(None)
}

ClassPipeline gemma(const TokenizerConfig& config) {
  return {.normalizer = replace_json({{"String", " "}}, kSpace),
          .pre_tokenizer = {{"type", "Split"},
                            {"pattern", {{"String", " "}}},
                            {"behavior", "MergedWithPrevious"},
                            {"invert", false}},
          .decoder = metaspace_decoder(false),
          .options = with_byte_fallback(unknown_token(config)),
          .names_padding = true};
}

ClassPipeline llama(const TokenizerConfig& config) {
  const bool prefix = config.add_prefix_space.value_or(true);
  return {.normalizer = nullptr,
          .pre_tokenizer = metaspace(!prefix                         ? "never"
                                     : config.legacy.value_or(false) ? "always"
                                                                     : "first"),
          .decoder = metaspace_decoder(prefix),
          .options = with_byte_fallback(nullptr)};
}

ClassPipeline code_llama(const TokenizerConfig& config) {
  return {.normalizer = nullptr,
          .pre_tokenizer = metaspace(config.add_prefix_space.value_or(true) ? "first" : "never"),
          .decoder = metaspace_decoder(true),
          .options = with_byte_fallback(unknown_token(config)),
          .around = ClassPipeline::Around::bos};
}

struct Class {
  ClassPipeline (*pipeline)(const TokenizerConfig&);
  // A model's own in the reverse of the order in which they are added.
  std::vector<std::pair<const char*, const char*>> tokens;
  bool resets_flags = false;
};

const std::map<std::string, Class>& classes() {
  static const Class gpt2_class{gpt2,
                                {{"bos_token", kEnd}, {"eos_token", kEnd}, {"unk_token", kEnd}}};
  static const std::map<std::string, Class> all = {
      {"GPT2Tokenizer", gpt2_class},
      {"CodeGenTokenizer", gpt2_class},
      {"GPTNeoXTokenizer",
       {gpt_neox,
        {{"bos_token", kEnd},
         {"eos_token", kEnd},
         {"unk_token", kEnd},
         {"pad_token", "<|padding|>"}}}},
      {"Qwen2Tokenizer",
       {.pipeline = qwen2,
        .tokens = {{"eos_token", kEnd}, {"unk_token", kEnd}, {"pad_token", kEnd}},
        .resets_flags = true}},
      {"GemmaTokenizer",
       {gemma,
        {{"bos_token", "<bos>"},
         {"eos_token", "<eos>"},
         {"unk_token", "<unk>"},
         {"pad_token", "<pad>"},
         {"mask_token", "<mask>"}}}},
      {"LlamaTokenizer",
       {llama, {{"bos_token", "<s>"}, {"eos_token", "</s>"}, {"unk_token", "<unk>"}}}},
      {"CodeLlamaTokenizer",
       {code_llama,
        {{"bos_token", "<s>"},
         {"eos_token", "</s>"},
         {"unk_token", "<unk>"},
         {"fill_token", "<FILL_ME>"},
         {"eot_token", "\u2581<EOT>"},
         {"suffix_token", "\u2581<SUF>"},
         {"middle_token", "\u2581<MID>"},
         {"prefix_token", "\u2581<PRE>"}}}},
  };
  return all;
}

// Those of transformers 5.23 that have a pipeline of their own too.
const std::set<std::string>& other_classes() {
  static const std::set<std::string> names = {"AlbertTokenizer",
                                              "BarthezTokenizer",
                                              "BartphoTokenizer",
                                              "BertGenerationTokenizer",
                                              "BertJapaneseTokenizer",
                                              "BertTokenizer",
                                              "BertTokenizerLegacy",
                                              "BertweetTokenizer",
                                              "BigBirdTokenizer",
                                              "BioGptTokenizer",
                                              "BlenderbotSmallTokenizer",
                                              "BlenderbotTokenizer",
                                              "ByT5Tokenizer",
                                              "CLIPTokenizer",
                                              "CTRLTokenizer",
                                              "CamembertTokenizer",
                                              "CanineTokenizer",
                                              "ClvpTokenizer",
                                              "CohereTokenizer",
                                              "CpmAntTokenizer",
                                              "CpmTokenizer",
                                              "DebertaTokenizer",
                                              "DebertaV2Tokenizer",
                                              "DiaTokenizer",
                                              "DistilBertTokenizer",
                                              "EsmTokenizer",
                                              "EsmcTokenizer",
                                              "FSMTTokenizer",
                                              "FastSpeech2ConformerTokenizer",
                                              "FlaubertTokenizer",
                                              "FunnelTokenizer",
                                              "GPTNeoXJapaneseTokenizer",
                                              "GPTSw3Tokenizer",
                                              "HerbertTokenizer",
                                              "LasrTokenizer",
                                              "LayoutLMv2Tokenizer",
                                              "LayoutLMv3Tokenizer",
                                              "LayoutXLMTokenizer",
                                              "LukeTokenizer",
                                              "M2M100Tokenizer",
                                              "MBart50Tokenizer",
                                              "MBartTokenizer",
                                              "MLukeTokenizer",
                                              "MPNetTokenizer",
                                              "MarianTokenizer",
                                              "MarkupLMTokenizer",
                                              "MgpstrTokenizer",
                                              "MyT5Tokenizer",
                                              "NllbTokenizer",
                                              "NougatTokenizer",
                                              "OpenAIGPTTokenizer",
                                              "PLBartTokenizer",
                                              "PegasusTokenizer",
                                              "PerceiverTokenizer",
                                              "PhobertTokenizer",
                                              "Pop2PianoTokenizer",
                                              "ProphetNetTokenizer",
                                              "Qwen3_5Tokenizer",
                                              "ReformerTokenizer",
                                              "RemBertTokenizer",
                                              "RoCBertTokenizer",
                                              "RoFormerTokenizer",
                                              "RobertaTokenizer",
                                              "SeamlessM4TTokenizer",
                                              "Siglip2Tokenizer",
                                              "SiglipTokenizer",
                                              "Speech2TextTokenizer",
                                              "SpeechT5Tokenizer",
                                              "SplinterTokenizer",
                                              "T5Tokenizer",
                                              "TapasTokenizer",
                                              "Tipsv2Tokenizer",
                                              "UdopTokenizer",
                                              "VideoPrismTokenizer",
                                              "VitsTokenizer",
                                              "Wav2Vec2CTCTokenizer",
                                              "Wav2Vec2PhonemeCTCTokenizer",
                                              "WhisperTokenizer",
                                              "XGLMTokenizer",
                                              "XLMRobertaTokenizer",
                                              "XLMTokenizer",
                                              "XLNetTokenizer"};
  return names;
}

}  // namespace

std::optional<ClassPipeline> class_pipeline(const std::string& resolved,
                                            const TokenizerConfig& config,
                                            const std::string& where) {
  if (other_classes().count(resolved) != 0) {
    fail(
        "{}: the class {} of transformers has a pipeline of its own, which is not supported; "
        "supported: {}, and PreTrainedTokenizerFast, which takes tokenizer.json as it is",
        where, resolved, [] {
          std::string names;
          for (const auto& [name, its] : classes()) names += (names.empty() ? "" : ", ") + name;
          return names;
        }());
  }
  const auto found = classes().find(resolved);
  if (found == classes().end()) return {};
  return found->second.pipeline(config);
}

std::map<std::string, std::string> class_tokens(const std::string& resolved) {
  const auto found = classes().find(resolved);
  if (found == classes().end()) return {};
  return {found->second.tokens.begin(), found->second.tokens.end()};
}

void add_class_tokens(const std::string& resolved, TokenizerConfig& config) {
  const auto found = classes().find(resolved);
  if (found == classes().end()) return;
  for (const auto& [name, content] : found->second.tokens) {
    config.name_unless_mentioned(name, content);
  }
  config.resets_flags = found->second.resets_flags;
}

}  // namespace graft::tokenizer
