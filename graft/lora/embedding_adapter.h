#pragma once

#include <string>

#include "graft/lora/adapter_file.h"
#include "graft/lora/adapter_format.h"

namespace graft::lora {

/// Whether the path is that of an embedding, whose lora_a is [V, R] and lora_b [R, D].
bool is_embedding(const std::string& path);

/// The path of a file's embedding with an adapter, or empty.
std::string adapted_embedding(const AdapterFile& file);

/// What an adapter of the embedding means, as far as the file says of which model it is.
EmbeddingUpdate meaning_of_embedding(const AdapterFile& file);

/// Throws Error if an adapter of the embedding does to the model's head what graft cannot: see
/// EmbeddingUpdate.
void check_embedding(const models::Model& model, const AdapterFile& file);

/// Throws Error if an adapter of the embedding that the file has cannot be said in a layout, and
/// UsageError if that depends on a model that is not known.
void check_embedding_in(const AdapterFormat& format, const AdapterFile& file);

/// Holds a copy of the base model's weights in the file to what the model has, which stays. Warns
/// if it is more than 2% off, by the norm of the difference, as it is where the model is quantized,
/// or was before it was dequantized: PEFT puts the copy into the base. Throws Error, which names
/// it, if it is more than 70% off: SmolLM2's embedding in 2 bits and groups of 64 is 52% off, one
/// of another model about 140%.
void check_base_weights(models::Model& model, const AdapterFile& file,
                        FrontEnd& front_end = *silent_front_end());

}  // namespace graft::lora
