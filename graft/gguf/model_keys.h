#pragma once

#include "graft/base/json_types.h"
#include "graft/gguf/architecture.h"
#include "graft/io/gguf_keys.h"
#include "graft/models/decoder.h"

namespace graft::gguf {

/// `<architecture>.*`: sizes, windows, scales and RoPE of a model. `config` is that of the language
/// model, which says how long texts may be.
void set_model_keys(io::GgufKeys& file, const Architecture& architecture,
                    const models::Decoder& model, const json& config);

}  // namespace graft::gguf
