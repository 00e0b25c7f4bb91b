#include "graft/tokenizer/model.h"

#include <string>
#include <utility>

#include "graft/base/error.h"
#include "graft/io/json.h"
#include "graft/tokenizer/bpe_reader.h"
#include "graft/tokenizer/json_field.h"

namespace graft {
namespace {

void encode_words(const Bpe& bpe, const PreTokenizer::Words& words, Model::Workspace& workspace,
                  std::vector<int32_t>& ids) {
  for (const Span& span : words.spans) bpe.encode(words.word(span), workspace.bpe, ids);
}

}  // namespace

void Model::encode(const PreTokenizer::Words& words, Workspace& workspace,
                   std::vector<int32_t>& ids) const {
  std::visit([&](const auto& kind) { encode_words(kind, words, workspace, ids); }, kind_);
}

const Vocabulary& Model::vocabulary() const {
  return std::visit([](const auto& kind) -> const Vocabulary& { return kind.model().vocabulary; },
                    kind_);
}

Model read_model(const ModelFields& fields, Spelling spelling) {
  JsonField options(fields.options, fields.name, "model");
  std::string type = options.find("type") ? options.at("type").string() : "BPE";
  if (type == "BPE") return Model(Bpe(read_bpe_model(fields, spelling)));
  fail("{}: {} is not supported; supported: BPE", options.at("type").where(), in_quotes(type));
}

}  // namespace graft
