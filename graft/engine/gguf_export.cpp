#include "graft/engine/gguf_export.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/hub/card_metadata.h"
#include "graft/hub/chosen_files.h"
#include "graft/models/decoder.h"

namespace graft::engine {
namespace {

bool is_gguf(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  char magic[4] = {};
  in.read(magic, sizeof magic);
  return std::string_view(magic, sizeof magic) == "GGUF";
}

// "SmolLM2 135M Instruct" of "SmolLM2-135M-Instruct".
std::string as_title(std::string text) {
  std::replace(text.begin(), text.end(), '-', ' ');
  return text;
}

gguf::GeneralInfo general_info(const fs::path& folder, const io::Provenance& provenance,
                               const std::string& name, FrontEnd& front_end) {
  gguf::GeneralInfo info{.name = name, .datasets = provenance.datasets};
  std::string repository = provenance.origin ? provenance.origin->repository : "";
  const size_t slash = repository.find('/');
  const bool tuned = provenance.is_finetuned();
  if (info.name.empty()) {
    const std::string own = absolute_path(folder).lexically_normal().filename().string();
    info.name = as_title(slash == std::string::npos ? own : repository.substr(slash + 1));
    if (tuned) info.name += " (fine-tuned)";
  }
  if (slash != std::string::npos) {
    if (tuned) {
      info.base_model = repository;
    } else {
      info.organization = repository.substr(0, slash);
    }
  }
  const hub::CardMetadata metadata = hub::card_metadata(hub::card_of(folder), front_end);
  const auto license = metadata.find("license");
  if (license != metadata.end()) {
    info.license = fmt::format("{}", fmt::join(license->second.items, ","));
  }
  return info;
}

}  // namespace

void check_gguf_target(const fs::path& target, bool force) {
  check_writable(target);
  if (!force && is_there(target) && !is_gguf(target)) {
    fail_usage("{} is there and no GGUF file: give another name, or `force`", target.string());
  }
}

void check_gguf_export(LoadedModel& loaded) {
  gguf::check_exportable(dynamic_cast<models::Decoder&>(*loaded.model), loaded.folder);
}

gguf::ExportedFile export_gguf(LoadedModel& loaded, const io::Provenance& provenance,
                               const fs::path& target, const gguf::FileType* type,
                               const std::string& name, FrontEnd& front_end) {
  auto& decoder = dynamic_cast<models::Decoder&>(*loaded.model);
  const gguf::ExportOptions options{
      .type = type, .info = general_info(loaded.folder.path(), provenance, name, front_end)};
  return gguf::export_gguf(decoder, loaded.folder, target, options, front_end);
}

}  // namespace graft::engine
