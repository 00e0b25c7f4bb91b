#include "graft/tokenizer/tokenizer_class.h"

#include <map>

namespace graft::tokenizer {
namespace {

constexpr const char* kBackend = "TokenizersBackend";

// The class of a model's own, where its type has one.
const std::map<std::string, std::string>& classes_of_models() {
  static const std::map<std::string, std::string> classes = {
      {"gemma", "GemmaTokenizer"},
      {"gemma2", "GemmaTokenizer"},
      {"gemma3", "GemmaTokenizer"},
      {"gemma3_text", "GemmaTokenizer"},
      {"phi", "GPT2Tokenizer"},
      {"starcoder2", "GPT2Tokenizer"},
      {"qwen2", "Qwen2Tokenizer"},
      {"qwen3", "Qwen2Tokenizer"},
      {"qwen3_moe", "Qwen2Tokenizer"},
      {"granite", kBackend},
      {"mistral", kBackend},
      {"mixtral", kBackend},
      {"olmo2", kBackend},
      {"phi3", kBackend},
      {"stablelm", kBackend},
  };
  return classes;
}

bool is_backend(const std::string& name) {
  return name == "PreTrainedTokenizer" || name == kBackend;
}

}  // namespace

std::string resolved_class(std::string named, const std::string& model_type, bool byte_level) {
  if (named.ends_with("Fast")) named.resize(named.size() - 4);
  const auto found = classes_of_models().find(model_type);
  const std::string own = found == classes_of_models().end() ? "" : found->second;
  if (named.empty()) return own.empty() ? kBackend : own;
  if (named == "LlamaTokenizer" && byte_level && model_type != "qwen2" && model_type != "phi3") {
    return kBackend;
  }
  if (named != own && own == kBackend) return kBackend;
  if (model_type == "qwen2") return own;
  return is_backend(named) ? kBackend : named;
}

}  // namespace graft::tokenizer
