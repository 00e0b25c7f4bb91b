#include "graft/io/safetensors.h"
#include "graft/lora/adapter_format.h"
#include "graft/lora/mlx_lm_config.h"

namespace graft::lora {
namespace {

AdapterContents read_safetensors(const fs::path& path) {
  const auto source = std::make_shared<const io::SafetensorsFile>(path);
  AdapterContents contents;
  for (const std::string& name : source->names()) {
    contents.tensors.insert({name, AdapterTensor(source->info(name).shape,
                                                 [source, name] { return source->load(name); })});
  }
  const auto settings = source->metadata().find(kSettingsKey);
  if (settings != source->metadata().end()) contents.settings = settings->second;
  return contents;
}

void write_safetensors(const fs::path& path, const AdapterContents& contents) {
  io::save_safetensors(path, loaded(contents.tensors),
                       {{"format", "mlx"}, {kSettingsKey, contents.settings}});
}

}  // namespace

const AdapterFormat kSafetensorsAdapters{".safetensors", read_safetensors, write_safetensors,
                                         mlx_lm_settings};

}  // namespace graft::lora
