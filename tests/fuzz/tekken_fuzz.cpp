// Makes tokenizers of tekken.json files.
#include <cstdint>

#include "graft/base/error.h"
#include "graft/tokenizer/tekken_tokenizer.h"
#include "graft/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    graft::tokenizer::TokenizerDocuments documents =
        graft::tokenizer::tekken_tokenizer({reinterpret_cast<const char*>(data), size}, "input");
    graft::tokenizer::Tokenizer::parse(
        {.tokenizer_json = documents.tokenizer_json.dump(),
         .tokenizer_config_json = documents.tokenizer_config_json.dump()})
        .encode("a  bc\n</s>\xC3\xA9");
  } catch (const graft::Error&) {
  }
  return 0;
}
