// Makes tokenizers of tokenizer.json files; their ids lead back to a text.
#include <cstdint>
#include <string_view>

#include "graft/base/error.h"
#include "graft/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  for (const char* config :
       {"", R"({"tokenizer_class": "LlamaTokenizer", "add_bos_token": true})"}) {
    try {
      graft::tokenizer::Tokenizer tokenizer = graft::tokenizer::Tokenizer::parse(
          {.tokenizer_json = std::string(input), .tokenizer_config_json = config});
      tokenizer.decode(tokenizer.encode("The 12 caf\xC3\xA9's  x<s>\xFF\n\n\xE2\x96\x81y"));
    } catch (const graft::Error&) {
    }
  }
  return 0;
}
