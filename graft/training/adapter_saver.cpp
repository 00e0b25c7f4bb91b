#include "graft/training/adapter_saver.h"

#include <fmt/format.h>

#include <utility>

#include "graft/base/open_file.h"
#include "graft/lora/adapter_file.h"

namespace graft::training {

AdapterSaver::AdapterSaver(fs::path file, std::string base_fingerprint, io::Provenance provenance)
    : file_(std::move(file)),
      lock_(resolved_target(file_)),
      base_fingerprint_(std::move(base_fingerprint)),
      provenance_(std::move(provenance)) {}

void AdapterSaver::save(const lora::Adapters& adapters, const Progress& progress) const {
  save_as(file_, adapters, progress);
}

void AdapterSaver::save_as(const fs::path& file, const lora::Adapters& adapters,
                           const Progress& progress) const {
  io::Provenance provenance = provenance_;
  if (!provenance.steps.empty()) {
    auto& facts = provenance.steps.back().facts;
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
  lora::save_adapter_file(file, adapters, base_fingerprint_, provenance);
}

}  // namespace graft::training
