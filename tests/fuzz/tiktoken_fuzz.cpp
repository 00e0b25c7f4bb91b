// Makes tokenizers of tiktoken files.
#include <cstdint>

#include "graft/base/error.h"
#include "graft/tokenizer/tiktoken_tokenizer.h"
#include "graft/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view bytes(reinterpret_cast<const char*>(data), size);
  graft::tokenizer::looks_like_tiktoken(bytes);
  try {
    graft::tokenizer::TokenizerDocuments documents =
        graft::tokenizer::tiktoken_tokenizer(bytes, {.model_type = "llama"}, "input");
    graft::tokenizer::Tokenizer::parse(
        {.tokenizer_json = documents.tokenizer_json.dump(),
         .tokenizer_config_json = documents.tokenizer_config_json.dump()})
        .encode("a  bc\n<|eot_id|>\xC3\xA9");
  } catch (const graft::Error&) {
  }
  return 0;
}
