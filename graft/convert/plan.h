#pragma once

#include <map>
#include <string>
#include <vector>

#include "graft/convert/convert.h"
#include "graft/io/json.h"
#include "graft/io/model_writer.h"

namespace graft {

/// What a conversion will write.
struct ConversionPlan {
  ordered_json config;
  std::vector<TensorJob> jobs;
  std::vector<fs::path> copies;              // files to copy as they are
  std::map<std::string, std::string> texts;  // files to write, by name
  std::vector<std::string> lines;            // what a person should know
};

/// From a folder: a Hugging Face checkpoint, or a model converted before.
ConversionPlan plan_folder(const ConvertOptions& options);

/// From a GGUF file.
ConversionPlan plan_gguf(const ConvertOptions& options);

}  // namespace graft
