// Reads tokenizer_config.json files, beside a small tokenizer.
#include <cstdint>
#include <string_view>

#include "graft/base/error.h"
#include "graft/tokenizer/tokenizer.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  try {
    graft::tokenizer::Tokenizer::parse(
        {.tokenizer_json =
             R"({"pre_tokenizer": null, "model": {"type": "BPE", "vocab": {"a": 0, "<s>": 1},
                               "merges": []}})",
         .tokenizer_config_json = std::string(input),
         .special_tokens_map_json = std::string(input)})
        .encode("a<s> a</s>");
  } catch (const graft::Error&) {
  }
  return 0;
}
