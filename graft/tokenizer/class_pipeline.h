#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "graft/tokenizer/tokenizer_config.h"

namespace graft::tokenizer {

/// What a class of transformers builds itself where others take it from tokenizer.json: all around
/// a BPE vocabulary and its merges (models/*/tokenization_*.py of transformers 5.23).
struct ClassPipeline {
  /// What is put around a text.
  enum class Around { what_the_file_says, nothing, bos };

  nlohmann::json normalizer, pre_tokenizer, decoder;
  /// The options of the model, without vocabulary and merges.
  nlohmann::json options;
  Around around = Around::what_the_file_says;
  bool names_padding = false;  ///< a padding token, or that there is none, whatever the file says
};

/// The pipeline of a class as resolved_class names it; none for those that take the file's. Throws
/// Error, which begins with `where`, for a class of transformers that graft does not have.
std::optional<ClassPipeline> class_pipeline(const std::string& resolved,
                                            const TokenizerConfig& config,
                                            const std::string& where);

/// "bos_token" and so on of a class, where nothing names others.
std::map<std::string, std::string> class_tokens(const std::string& resolved);

/// Names the tokens of a class where the config does not; null there means none.
void add_class_tokens(const std::string& resolved, TokenizerConfig& config);

}  // namespace graft::tokenizer
