#include "graft/training/adapter_saver.h"

#include <fmt/format.h>

#include <utility>

#include "graft/base/open_file.h"

namespace graft::training {

AdapterSaver::AdapterSaver(fs::path file, lora::AdapterOrigin origin)
    : file_(std::move(file)), lock_(resolved_target(file_)), origin_(std::move(origin)) {}

void AdapterSaver::save(const lora::Adapters& adapters, const Progress& progress) const {
  save_as(file_, adapters, progress);
}

void AdapterSaver::save_as(const fs::path& file, const lora::Adapters& adapters,
                           const Progress& progress) const {
  lora::AdapterOrigin origin = origin_;
  // Who repeats this gets this adapter, even if the training went on.
  if (origin.config.contains("iters")) origin.config["iters"] = progress.iteration;
  if (!origin.provenance.steps.empty()) {
    auto& facts = origin.provenance.steps.back().facts;
    facts.emplace_back("iterations", std::to_string(progress.iteration));
    if (progress.train_loss) {
      facts.emplace_back("training loss", fmt::format("{:.3f}", *progress.train_loss));
    }
    if (progress.valid) {
      const auto& [at, loss] = *progress.valid;
      const std::string when = at == progress.iteration ? "" : fmt::format(" (iteration {})", at);
      facts.emplace_back("validation loss", fmt::format("{:.3f}{}", loss, when));
    }
  }
  lora::save_adapter_file(file, adapters, origin);
}

}  // namespace graft::training
