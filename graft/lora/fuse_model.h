#pragma once

#include <functional>
#include <string>

#include "graft/base/files.h"
#include "graft/io/model_folder.h"
#include "graft/io/model_writer.h"
#include "graft/io/provenance.h"
#include "graft/lora/adapters.h"
#include "graft/lora/fuse.h"

namespace graft::lora {

struct FuseOptions {
  FusedFormat adapted;            // what layers with an adapter become
  bool layers_are_fused = false;  // they have the weights that they are to have
  bool de_quantize = false;       // all other quantized layers become dense too
  io::Provenance provenance;      // of the result; written as graft.json
  // Writes files of its own into the new folder, whose model is whole already.
  std::function<void(const fs::path& folder)> add = {};
};

/// Writes the model of `source` with `adapters` fused into it to a folder of its own, which appears
/// whole or not at all: tensors, config, tokenizer. Layers without an adapter keep their bytes.
/// Throws as check_model_target and write_model_folder do.
io::WrittenModel fuse_model(const io::ModelFolder& source, const models::Model& model,
                            const Adapters& adapters, const io::ModelTarget& target,
                            const FuseOptions& options, FrontEnd& front_end = *silent_front_end());

}  // namespace graft::lora
