#pragma once

#include "graft/convert/convert.h"
#include "graft/io/model_writer.h"

namespace graft::convert {

/// What a conversion will write.
using ConversionPlan = io::ModelContents;

/// From a folder: a Hugging Face checkpoint, or a model converted before.
ConversionPlan plan_folder(const ConvertOptions& options);

/// From a GGUF file. Warns of a tokenizer that does not say how it works.
ConversionPlan plan_gguf(const ConvertOptions& options, FrontEnd& front_end);

}  // namespace graft::convert
