// Makes tokenizers of SentencePiece models.
#include <cstdint>

#include "graft/base/error.h"
#include "graft/tokenizer/sentencepiece_tokenizer.h"
#include "graft/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  graft::tokenizer::looks_like_sentencepiece(bytes);
  using Hints = graft::tokenizer::SentencePieceHints;
  for (auto prefix : {Hints::SpacePrefix::sentencepiece, Hints::SpacePrefix::text_start}) {
    try {
      graft::tokenizer::TokenizerDocuments documents = graft::tokenizer::sentencepiece_tokenizer(
          graft::tokenizer::parse_sentencepiece_model(bytes, "input"), "input",
          {.space_prefix = prefix});
      graft::tokenizer::Tokenizer::parse(
          {.tokenizer_json = documents.tokenizer_json.dump(),
           .tokenizer_config_json = documents.tokenizer_config_json.dump()})
          .encode("a  bc\n</s>\xC3\xA9");
    } catch (const graft::Error&) {
    }
  }
  return 0;
}
