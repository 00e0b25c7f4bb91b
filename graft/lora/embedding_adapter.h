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

/// Throws Error, which names it, if a copy of the base model's weights in the file is not what the
/// model has. Values of a quantized weight are not compared.
void check_base_weights(models::Model& model, const AdapterFile& file);

}  // namespace graft::lora
