#include "cli/upload.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cstdio>
#include <string_view>

#include "cli/interrupt.h"
#include "cli/output.h"
#include "graft/base/error.h"
#include "graft/hub/cache.h"
#include "graft/hub/upload.h"

namespace graft::cli {
namespace {

constexpr const char* kCard = "README.md";

// Quoted for a shell if needed.
std::string shell_word(const std::string& text) {
  const auto plain = [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 ||
           std::string_view("./_-@+,:=").find(c) != std::string_view::npos;
  };
  if (!text.empty() && std::all_of(text.begin(), text.end(), plain)) return text;
  std::string word = "'";
  for (const char c : text) word += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return word + "'";
}

}  // namespace

std::optional<io::Origin> named_origin(const std::optional<std::string>& hf_path) {
  if (!hf_path) return std::nullopt;
  const auto repository = hub::Repository::parse(*hf_path);
  if (!repository) {
    fail_usage("--hf-path: '{}' cannot be a model's name on the Hub (owner/name)", *hf_path);
  }
  return io::Origin{repository->name,
                    hub::is_commit(repository->revision) ? repository->revision : ""};
}

hub::Relation relation_of(const fs::path& model, const io::Provenance& provenance) {
  if (provenance.is_finetuned()) return hub::Relation::finetune;
  const json config = io::read_json_object(model / "config.json");
  return config.contains("quantization") ? hub::Relation::quantized : hub::Relation::converted;
}

PlannedUpload::PlannedUpload(const hub::Environment& environment, const std::string& name,
                             bool make_private)
    : environment_(environment), target_(hub::upload_target(name)), make_private_(make_private) {}

void PlannedUpload::check(const io::Provenance& provenance, const std::string& model,
                          const std::string& how) const {
  if (!provenance.origin) {
    fail_usage(
        "{} does not say what model of the Hub it is made from, which the card of an upload names: "
        "{}",
        model, how);
  }
  hub::check_can_upload(environment_);
}

std::string PlannedUpload::command(const fs::path& folder) const {
  return fmt::format("graft upload {} --repo {}{}", shell_word(folder.string()), target_.name,
                     make_private_ ? " --private" : "");
}

void PlannedUpload::add_card(std::vector<hub::LocalFile>& files, hub::CardFacts& facts) const {
  FrontEnd& say = *environment_.front_end;
  const auto own = std::find_if(files.begin(), files.end(),
                                [](const hub::LocalFile& file) { return file.name() == kCard; });
  if (own != files.end()) {
    say.note("{} is uploaded as it is", kCard);
    return;
  }
  const auto there = hub::fetch_card(environment_, target_);
  if (there && !hub::is_generated_card(*there)) {
    say.note("The {} of {} stays as it is", kCard, target_.name);
    return;
  }
  if (const auto& origin = facts.provenance.origin) {
    auto repository = hub::Repository::parse(origin->repository);
    if (repository && hub::is_commit(origin->commit)) repository->revision = origin->commit;
    if (repository) facts.original = hub::fetch_card(environment_, *repository);
    if (!facts.original) {
      say.warn("{} has no card that can be read: the new one names no licence", origin->repository);
    }
  }
  facts.target = target_;
  files.emplace_back(kCard, hub::model_card(std::move(facts), say));
}

void PlannedUpload::run(const fs::path& folder, std::vector<hub::LocalFile> files,
                        hub::CardFacts facts) const {
  const std::string again = "to go on: " + command(folder);
  const InterruptNotice notice("Interrupted; " + again);
  hub::Uploaded uploaded;
  try {
    add_card(files, facts);
    uploaded =
        hub::upload(environment_, target_, files,
                    {.make_private = make_private_, .message = "Upload with graft " GRAFT_VERSION});
  } catch (const hub::ConnectionError& error) {
    fail("{}; when the connection is back, {}", error.what(), again);
  }
  if (uploaded.changed) {
    print_out("Uploaded {} to {}\n", folder.string(), uploaded.page);
  } else {
    print_out("{} has all of {} already\n", uploaded.page, folder.string());
  }
}

void PlannedUpload::run(const fs::path& model, const io::Provenance& provenance) const {
  run(model, hub::files_of(model),
      {.provenance = provenance, .relation = relation_of(model, provenance)});
}

}  // namespace graft::cli
