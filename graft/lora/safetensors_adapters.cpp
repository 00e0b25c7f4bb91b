#include "graft/lora/safetensors_adapters.h"

#include <memory>

#include "graft/io/safetensors.h"
#include "graft/lora/adapter_format.h"
#include "graft/lora/adapter_metadata.h"
#include "graft/lora/config_beside.h"

namespace graft::lora {
namespace {

void read_safetensors(AdapterFile& file) {
  SafetensorsContents contents = read_safetensors_adapter(file.path);
  file.tensors = std::move(contents.tensors);
  take_metadata(file, contents.metadata);
  // As mlx-lm's numbered checkpoints, 0000100_adapters.safetensors.
  if (!file.settings) file.settings = mlx_lm_settings_beside(file.path);
  split_weights(file);
}

void write_safetensors(const AdapterFile& file) {
  write_safetensors_adapter(file.path, all_tensors(file), metadata_of(file), "mlx");
}

}  // namespace

SafetensorsContents read_safetensors_adapter(const fs::path& path) {
  const auto source = std::make_shared<const io::SafetensorsFile>(path);
  SafetensorsContents contents;
  for (const std::string& name : source->names()) {
    contents.tensors.insert({name, AdapterTensor(source->info(name).shape,
                                                 [source, name] { return source->load(name); })});
  }
  const auto metadata = source->metadata().find(kSettingsKey);
  if (metadata != source->metadata().end()) contents.metadata = metadata->second;
  return contents;
}

void write_safetensors_adapter(const fs::path& path,
                               const std::map<std::string, AdapterTensor>& tensors,
                               const std::string& metadata, const char* format) {
  io::save_safetensors(path, loaded(tensors), {{"format", format}, {kSettingsKey, metadata}});
}

const AdapterFormat kSafetensorsAdapters{.name = "safetensors",
                                         .file_name = "adapter.safetensors",
                                         .extension = ".safetensors",
                                         .read = read_safetensors,
                                         .write = write_safetensors,
                                         .is_exact = true};

}  // namespace graft::lora
