#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "tests/support/paths.h"

namespace graft::testing {

/// A file of tests/fixtures/tokenizer.
inline fs::path tokenizer_fixture(const std::string& name) {
  return testing::fixture("tokenizer") / name;
}

inline nlohmann::json tokenizer_fixture_json(const std::string& name) {
  return nlohmann::json::parse(read_text(tokenizer_fixture(name)));
}

/// The kinds of tokenizers that have a folder there.
inline const std::vector<std::string> kTokenizerKinds = {
    "gpt2",   "llama3",    "qwen2", "smollm",  "flags",
    "llama2", "metaspace", "steps", "unigram", "unigram_bytes"};

}  // namespace graft::testing
