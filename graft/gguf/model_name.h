#pragma once

#include <string>

namespace graft::gguf {

/// A model's name as `general.name` may have it: with "phi-3" where the tokenizer wants it
/// (wants_phi3_name), and without it everywhere else.
std::string safe_name(std::string name, bool wants_phi3);

}  // namespace graft::gguf
