#include "cli/upload.h"

#include <fmt/format.h>

#include <cstdio>
#include <filesystem>
#include <vector>

#include "cli/interrupt.h"
#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/base/log.h"
#include "graft/hub/cache.h"
#include "graft/hub/local_file.h"
#include "graft/hub/upload.h"

namespace graft::cli {
namespace {

constexpr const char* kCard = "README.md";

}  // namespace

Provenance provenance_of(const std::filesystem::path& model) {
  std::error_code ignored;
  if (!fs::is_directory(model, ignored)) return {};
  if (const auto origin = hub::origin_of_snapshot(model)) return {.origin = origin};
  return Provenance::read(model);
}

hub::Relation relation_of(const std::filesystem::path& model, const Provenance& provenance) {
  for (const MakingStep& step : provenance.steps) {
    if (step.command.starts_with("graft fuse")) return hub::Relation::finetune;
  }
  const json config = read_json_object(model / "config.json");
  return config.contains("quantization") ? hub::Relation::quantized : hub::Relation::converted;
}

PlannedUpload::PlannedUpload(const std::string& name, bool make_private)
    : environment_(hub::Environment::read()),
      target_(hub::upload_target(name)),
      make_private_(make_private) {
  hub::check_can_upload(environment_);
}

void PlannedUpload::run(const std::filesystem::path& folder, hub::Relation relation,
                        const Provenance& provenance, const std::string& adapter_file) const {
  std::vector<hub::LocalFile> files = hub::files_of(folder);
  if (is_there(folder / kCard)) {
    note("{} is uploaded as it is", (folder / kCard).string());
  } else {
    hub::CardFacts facts{target_, provenance, relation, {}, adapter_file};
    if (provenance.origin) facts.original = hub::fetch_card(environment_, *provenance.origin);
    files.emplace_back(kCard, hub::model_card(facts));
  }
  const InterruptNotice notice(
      "Interrupted: the repository is as it was, and the same upload goes on with what is there");
  const std::string message = "Upload with graft " GRAFT_VERSION;
  const hub::Uploaded uploaded = hub::upload(environment_, target_, files,
                                             {.make_private = make_private_, .message = message});
  if (uploaded.changed) {
    fmt::print("Uploaded {} to {}\n", folder.string(), uploaded.page);
  } else {
    fmt::print("{} has all of {} already\n", uploaded.page, folder.string());
  }
}

std::optional<Origin> named_origin(const std::optional<std::string>& hf_path) {
  if (!hf_path) return std::nullopt;
  const auto repository = hub::Repository::parse(*hf_path);
  if (!repository) {
    fail_usage("--hf-path: '{}' cannot be a model's name on the Hub (owner/name)", *hf_path);
  }
  return Origin{repository->name, hub::is_commit(repository->revision) ? repository->revision : ""};
}

void check_attribution(const Provenance& provenance, const std::string& model) {
  if (provenance.origin) return;
  fail_usage(
      "{} does not say what model of the Hub it is made from, which the card of an upload names: "
      "give its owner/name with --hf-path",
      model);
}

}  // namespace graft::cli
