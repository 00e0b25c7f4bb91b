#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "graft/tokenizer/bpe.h"
#include "graft/tokenizer/model_fields.h"
#include "graft/tokenizer/pre_tokenizer.h"
#include "graft/tokenizer/unigram.h"

namespace graft::tokenizer {

/// Turns words into tokens.
class Model {
 public:
  struct Workspace {
    Bpe::Workspace bpe;
    Unigram::Workspace unigram;
  };

  explicit Model(Bpe bpe) : kind_(std::move(bpe)) {}
  explicit Model(Unigram unigram) : kind_(std::move(unigram)) {}

  /// Appends the tokens of all words. Safe in several threads, each with its workspace.
  void encode(const PreTokenizer::Words& words, Workspace& workspace,
              std::vector<int32_t>& ids) const;

  /// The same, and appends the part of words.text that each token stands for: never empty.
  void encode(const PreTokenizer::Words& words, Workspace& workspace, std::vector<int32_t>& ids,
              std::vector<Span>& parts) const;

  /// Its name in tokenizer.json.
  std::string type() const { return std::holds_alternative<Bpe>(kind_) ? "BPE" : "Unigram"; }

  /// Null if it is no BPE.
  const Bpe* bpe() const { return std::get_if<Bpe>(&kind_); }

  /// The tokens and how they are spelled.
  const Vocabulary& vocabulary() const;
  const TokenSizes& sizes() const;

 private:
  std::variant<Bpe, Unigram> kind_;
};

/// The model of a tokenizer.json. Throws Error, which names the file and the field, if something is
/// broken or not supported.
Model read_model(const ModelFields& fields, Spelling spelling);

}  // namespace graft::tokenizer
