#include "graft/tokenizer/model.h"

#include <string>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/bpe_reader.h"
#include "graft/tokenizer/json_field.h"
#include "graft/tokenizer/unigram_reader.h"

namespace graft::tokenizer {
namespace {

Bpe::Workspace& part_of(const Bpe&, Model::Workspace& workspace) { return workspace.bpe; }
Unigram::Workspace& part_of(const Unigram&, Model::Workspace& workspace) {
  return workspace.unigram;
}

}  // namespace

void Model::encode(const PreTokenizer::Words& words, Workspace& workspace,
                   std::vector<int32_t>& ids) const {
  std::visit(
      [&](const auto& kind) {
        auto& part = part_of(kind, workspace);
        for (const Span& span : words.spans) kind.encode(words.word(span), part, ids);
      },
      kind_);
}

void Model::encode(const PreTokenizer::Words& words, Workspace& workspace,
                   std::vector<int32_t>& ids, std::vector<Span>& parts) const {
  std::visit(
      [&](const auto& kind) {
        auto& part = part_of(kind, workspace);
        for (const Span& span : words.spans) {
          kind.encode(words.word(span), span.begin, part, ids, parts);
        }
      },
      kind_);
}

const Vocabulary& Model::vocabulary() const {
  return std::visit([](const auto& kind) -> const Vocabulary& { return kind.model().vocabulary; },
                    kind_);
}

const TokenSizes& Model::sizes() const {
  return std::visit([](const auto& kind) -> const TokenSizes& { return kind.sizes(); }, kind_);
}

Model read_model(const ModelFields& fields, Spelling spelling) {
  JsonField options(fields.options, fields.name, "model");
  std::string type = options.find("type") ? options.at("type").string() : "BPE";
  if (type == "BPE") return Model(Bpe(read_bpe_model(fields, spelling)));
  if (type == "Unigram") return Model(Unigram(read_unigram_model(fields, spelling)));
  fail("{}: {} is not supported; supported: BPE, Unigram", options.at("type").where(),
       io::in_quotes(type));
}

}  // namespace graft::tokenizer
