#include "graft/tokenizer/tiktoken_family.h"

#include <algorithm>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/base64.h"
#include "graft/tokenizer/split.h"

namespace graft::tokenizer {
namespace {

using Names = std::vector<std::string>;

// OpenAI's o200k: words by upper and lower case, with a contraction.
constexpr std::string_view kO200kPattern =
    R"([^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*)"
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)?)"
    R"(|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

// Appends `prefix` with the numbers from `first` to `last`, as <|...|>.
void add_numbered(Names& names, std::string_view prefix, int first, int last) {
  for (int i = first; i <= last; ++i) names.push_back(fmt::format("<|{}{}|>", prefix, i));
}

// https://github.com/meta-llama/llama-models, llama3/tokenizer.py
Names llama3_tokens() {
  Names names = {"<|begin_of_text|>",
                 "<|end_of_text|>",
                 "<|reserved_special_token_0|>",
                 "<|reserved_special_token_1|>",
                 "<|finetune_right_pad_id|>",
                 "<|step_id|>",
                 "<|start_header_id|>",
                 "<|end_header_id|>",
                 "<|eom_id|>",
                 "<|eot_id|>",
                 "<|python_tag|>",
                 "<|image|>"};
  add_numbered(names, "reserved_special_token_", 2, 245);
  return names;
}

// The same, llama4/tokenizer.py
Names llama4_tokens() {
  Names names = {"<|begin_of_text|>", "<|end_of_text|>",  "<|fim_prefix|>", "<|fim_middle|>",
                 "<|fim_suffix|>",    "<|header_start|>", "<|header_end|>", "<|eom|>",
                 "<|eot|>",           "<|step|>"};
  auto add = [&](std::initializer_list<const char*> more) {
    names.insert(names.end(), more.begin(), more.end());
  };
  add_numbered(names, "text_post_train_reserved_special_token_", 0, 5);
  add({"<|python_start|>", "<|python_end|>", "<|finetune_right_pad|>"});
  add_numbered(names, "text_post_train_reserved_special_token_", 8, 68);
  add({"<|image_start|>", "<|image_end|>"});
  add_numbered(names, "vision_reserved_special_token_", 0, 1);
  add({"<|tile_x_separator|>", "<|tile_y_separator|>"});
  add_numbered(names, "vision_reserved_special_token_", 2, 5);
  add({"<|image|>"});
  add_numbered(names, "vision_reserved_special_token_", 6, 6);
  add({"<|patch|>"});
  add_numbered(names, "vision_reserved_special_token_", 7, 1047);
  add_numbered(names, "reasoning_reserved_special_token_", 0, 7);
  add({"<|reasoning_thinking_start|>", "<|reasoning_thinking_end|>"});
  add_numbered(names, "reserved_special_token_", 0, 903);
  return names;
}

// https://github.com/QwenLM/Qwen, tokenization_note.md
Names qwen_tokens() {
  Names names = {"<|endoftext|>", "<|im_start|>", "<|im_end|>"};
  add_numbered(names, "extra_", 0, 204);
  return names;
}

const std::vector<TiktokenFamily>& families() {
  static const std::vector<TiktokenFamily> families = {
      {.name = "Llama 3",
       .model_types = {"llama", "mllama"},
       .tokenizer_classes = {"LlamaTokenizer"},
       .vocabulary_size = 128000,
       .last_token = "6ZSm",
       .pattern = std::string(pattern_of(SplitRule::llama3)),
       .normalizes = false,
       .special_tokens = llama3_tokens,
       .bos_token = "<|begin_of_text|>",
       .eos_token = "<|end_of_text|>",
       .pad_token = "<|finetune_right_pad_id|>"},
      {.name = "Llama 4",
       .model_types = {"llama4", "llama4_text"},
       .tokenizer_classes = {},
       .vocabulary_size = 200000,
       .last_token = "KGdl",
       .pattern = std::string(kO200kPattern),
       .normalizes = false,
       .special_tokens = llama4_tokens,
       .bos_token = "<|begin_of_text|>",
       .eos_token = "<|end_of_text|>",
       .pad_token = "<|finetune_right_pad|>"},
      {.name = "Qwen",
       .model_types = {"qwen", "qwen2"},
       .tokenizer_classes = {"QWenTokenizer", "Qwen2Tokenizer"},
       .vocabulary_size = 151643,
       .last_token = "4r2X",
       .pattern = std::string(pattern_of(SplitRule::qwen2)),
       .normalizes = true,
       .special_tokens = qwen_tokens,
       .bos_token = "",
       .eos_token = "<|endoftext|>",
       .pad_token = ""},
  };
  return families;
}

bool contains(const std::vector<std::string_view>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const TiktokenFamily* family_of_names(std::string_view tokenizer_class,
                                      std::string_view model_type) {
  if (tokenizer_class.ends_with("Fast")) tokenizer_class.remove_suffix(4);
  // A model type is of one family; a class may serve several.
  for (const TiktokenFamily& family : families()) {
    if (contains(family.model_types, model_type)) return &family;
  }
  for (const TiktokenFamily& family : families()) {
    if (contains(family.tokenizer_classes, tokenizer_class)) return &family;
  }
  return nullptr;
}

const TiktokenFamily* family_of_vocabulary(const Names& tokens) {
  for (const TiktokenFamily& family : families()) {
    if (tokens.size() == family.vocabulary_size &&
        tokens.back() == base64_decode(family.last_token)) {
      return &family;
    }
  }
  return nullptr;
}

}  // namespace

const TiktokenFamily& tiktoken_family(const Names& tokens, std::string_view tokenizer_class,
                                      std::string_view model_type, const std::string& name) {
  const TiktokenFamily* named = family_of_names(tokenizer_class, model_type);
  const TiktokenFamily* own = family_of_vocabulary(tokens);
  if (named != nullptr && own != nullptr && named != own) {
    fail(
        "{}: has the vocabulary of {}, but the model type {} and tokenizer class {} are those of "
        "{}",
        name, own->name, io::in_quotes(model_type), io::in_quotes(tokenizer_class), named->name);
  }
  if (named != nullptr) return *named;
  if (own != nullptr) return *own;
  std::string known;
  for (const TiktokenFamily& family : families()) {
    known += fmt::format("{}{}", known.empty() ? "" : ", ", family.name);
  }
  fail(
      "{}: {} tokens of an unknown family (model type {}, tokenizer class {}), so that neither the "
      "way of cutting words nor the special tokens are known; known are {}",
      name, tokens.size(), io::in_quotes(model_type), io::in_quotes(tokenizer_class), known);
}

}  // namespace graft::tokenizer
