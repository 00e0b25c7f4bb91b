#pragma once

#include <string>
#include <string_view>

#include "graft/tokenizer/tokenizer_config.h"
#include "graft/tokenizer/tokenizer_documents.h"

namespace graft::tokenizer {

/// A byte-level BPE tokenizer as it was saved before there was tokenizer.json: the texts of
/// vocab.json and merges.txt, with the pipeline and the default tokens of a class of transformers
/// that reads them (models/gpt2/tokenization_gpt2.py and others). Throws Error for another class,
/// and, naming the file and the line, for one that is broken.
TokenizerDocuments vocab_and_merges(std::string_view vocab, const std::string& vocab_name,
                                    std::string_view merges, const std::string& merges_name,
                                    const std::string& tokenizer_class,
                                    const TokenizerConfig& config);

}  // namespace graft::tokenizer
