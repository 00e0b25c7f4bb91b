#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/upload.h"
#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/engine/named_model.h"
#include "graft/hub/cache.h"
#include "graft/hub/upload.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/adapter_path.h"

namespace graft::cli {
namespace {

struct UploadCommand {
  std::string folder;
  std::string repository;
  std::optional<std::string> hf_path;
  bool make_private = false;
};

// The adapter in a folder that holds no model.
lora::AdapterFile adapter_in(const fs::path& folder) {
  fs::path file;
  try {
    file = lora::found_adapter(folder);
  } catch (const Error& error) {
    fail_usage("{} is neither a model's folder (config.json and its weights) nor an adapter's: {}",
               folder.string(), error.what());
  }
  return lora::read_adapter_file(file);
}

void run(const UploadCommand& o, const engine::Runtime& runtime) {
  const fs::path folder = o.folder;
  if (!is_folder(folder)) fail_usage("there is no folder {}", o.folder);
  const PlannedUpload upload(runtime.hub(), o.repository, o.make_private);
  const auto origin = named_origin(o.hf_path);
  const bool has_card = is_there(folder / "README.md");
  const auto check = [&](io::Provenance& provenance) {
    if (origin) provenance.origin = origin;
    if (has_card) {
      hub::check_can_upload(runtime.hub());
    } else {
      upload.check(provenance, o.folder);
    }
  };
  if (is_there(folder / "config.json")) {
    if (!hub::is_complete_model(folder)) fail("{} lacks weights: it is no whole model", o.folder);
    io::Provenance provenance = engine::provenance_of(folder);
    check(provenance);
    return upload.run(folder, provenance);
  }
  // Only the adapter's own files are sent: somebody may be working in its folder.
  lora::AdapterFile adapter = adapter_in(folder);
  check(adapter.provenance);
  const std::string name = adapter.path.filename().string();
  std::vector<hub::LocalFile> files;
  for (const fs::path& file : lora::files_of_adapter(adapter.path)) {
    files.emplace_back(file.filename().string(), file);
  }
  if (has_card) files.emplace_back("README.md", folder / "README.md");
  upload.run(folder, std::move(files),
             {.provenance = std::move(adapter.provenance),
              .relation = hub::Relation::adapter,
              .adapter_file = name});
}

}  // namespace

void add_upload_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<UploadCommand>();
  CLI::App* command =
      app.add_subcommand("upload", "Upload a model's or an adapter's folder to the Hub");
  command->add_option("folder", o->folder, "The folder")->required()->type_name("FOLDER");
  command
      ->add_option("--repo", o->repository,
                   "The repository: owner/name, or a name for mlx-community/name; it is made if it "
                   "is not there")
      ->required();
  command->add_option("--hf-path,--hf-repo", o->hf_path,
                      "The model of the Hub that it comes from, for its card [what the folder "
                      "remembers]");
  command->add_flag("--private", o->make_private, "Make the repository private");
  on_run(*command, runtime, [o, &runtime] { run(*o, runtime); });
}

}  // namespace graft::cli
