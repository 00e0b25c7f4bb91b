#pragma once

#include <string>
#include <vector>

#include "graft/convert/convert.h"
#include "graft/io/model_writer.h"

namespace graft::convert {

/// What a conversion will write.
struct ConversionPlan : io::ModelContents {
  std::vector<std::string> lines;  // what a person should know
};

/// From a folder: a Hugging Face checkpoint, or a model converted before.
ConversionPlan plan_folder(const ConvertOptions& options);

/// From a GGUF file. Warns of a tokenizer that does not say how it works.
ConversionPlan plan_gguf(const ConvertOptions& options, FrontEnd& front_end);

}  // namespace graft::convert
