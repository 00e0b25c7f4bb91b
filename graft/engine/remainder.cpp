#include "graft/engine/remainder.h"

#include <algorithm>

#include "graft/lora/fingerprint.h"

namespace graft::engine {
namespace {

constexpr const char* kRemainderFile = "remainder.safetensors";

}  // namespace

fs::path remainder_file(const fs::path& fused) { return fused / kRemainderFile; }

Remainder take_remainder(const lora::Adapters& adapters) {
  Remainder remainder{{}, adapters.settings()};
  remainder.settings.extra.clear();  // what was trained as it is has become part of the model
  for (const models::LinearPart& linear : adapters.linears()) {
    if (!linear.adapter()) continue;
    remainder.adapters.emplace_back(linear.path(), *linear.adapter());
    linear.adapter().reset();
  }
  return remainder;
}

void write_remainder(const Remainder& remainder, models::Model& model, const fs::path& fused,
                     const io::Provenance& provenance) {
  for (const models::LinearPart& linear : models::adaptable_of(model.parts())) {
    for (const auto& [path, adapter] : remainder.adapters) {
      if (path == linear.path()) linear.adapter() = adapter;
    }
  }
  const io::ModelFolder folder = io::ModelFolder::open(fused);
  lora::save_adapter_file(remainder_file(fused), lora::Adapters(model, remainder.settings),
                          {.base_fingerprint = lora::fingerprint(folder),
                           .provenance = provenance,
                           .base = lora::BaseShape::of(folder)});
}

void record_file(const fs::path& folder, const std::string& name,
                 const io::Provenance& provenance) {
  std::vector<std::string> files = io::recorded_files(folder);
  files.push_back(name);
  std::sort(files.begin(), files.end());
  provenance.write(folder, files);
}

}  // namespace graft::engine
