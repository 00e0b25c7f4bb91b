#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/base/json_types.h"
#include "graft/io/gguf_keys.h"

namespace graft::gguf {

/// What a file says of where it comes from. Empty: not known.
struct GeneralInfo {
  std::string name = {};          // "SmolLM2 135M Instruct"
  std::string organization = {};  // on the Hub
  std::string license = {};
  std::string base_model = {};             // a repository of the Hub that it was fine-tuned from
  std::vector<std::string> datasets = {};  // of the Hub
};

/// `general.*` but for the architecture and the type of tensors. `parameters` are all of the
/// model's; of them, `in_experts` are in `experts` experts.
struct ModelSize {
  uint64_t parameters = 0, in_experts = 0;
  int experts = 0;
};
void set_general_keys(io::GgufKeys& file, const GeneralInfo& info, const ModelSize& size);

/// `general.sampling.*` from generation_config.json: what llama.cpp's programs take as defaults.
void set_sampling_keys(io::GgufKeys& file, const json& generation_config);

/// "135M", "8.0B", "8x7B", as names of models have them (gguf/utility.py, size_label).
std::string size_label(const ModelSize& size);

}  // namespace graft::gguf
