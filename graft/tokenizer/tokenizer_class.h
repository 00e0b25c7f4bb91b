#pragma once

#include <string>

namespace graft::tokenizer {

/// The class of transformers 5.24 that AutoTokenizer loads a folder's tokenizer as, without "Fast":
/// "TokenizersBackend" is the one that has no pipeline of its own
/// (models/auto/tokenization_auto.py). `named`: what tokenizer_config.json, else config.json, calls
/// it; `model_type`: config.json's; both may be empty. `byte_level`: whether its tokenizer.json has
/// a component ByteLevel; of no matter unless the name is LlamaTokenizer.
std::string resolved_class(std::string named, const std::string& model_type, bool byte_level);

}  // namespace graft::tokenizer
