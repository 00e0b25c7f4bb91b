#include "cli/loaded_model.h"

#include <fmt/format.h>

#include "cli/named_model.h"
#include "graft/base/error.h"
#include "graft/base/log.h"
#include "graft/io/json.h"
#include "graft/lora/adapter_file.h"
#include "graft/lora/fingerprint.h"
#include "graft/models/registry.h"

namespace graft::cli {
namespace {

constexpr const char* kDefaultAdapter = "adapters.npz";

void add_ids(const json& config, std::set<int32_t>& ids) {
  auto found = config.find("eos_token_id");
  if (found == config.end()) return;
  if (found->is_number_integer()) ids.insert(found->get<int32_t>());
  if (!found->is_array()) return;
  for (const json& id : *found) {
    if (id.is_number_integer()) ids.insert(id.get<int32_t>());
  }
}

}  // namespace

LoadedModel load(const std::string& name) {
  const fs::path path = named_model(name);
  ModelFolder folder = ModelFolder::open(path);
  auto model = models::load_model(folder);
  return {std::move(folder), std::move(model), Tokenizer::load(path)};
}

std::string LoadedModel::precision() const {
  std::set<std::string> kinds;
  for (const models::LinearPart& linear : models::linears_of(model->parts())) {
    const ops::Weight& w = linear.weight();
    kinds.insert(w.quantized() ? fmt::format("{}-bit, groups of {}", w.bits, w.group_size)
                               : std::string(dtype_name(w.weight.dtype())));
  }
  return fmt::format("{}", fmt::join(kinds, " and "));
}

std::set<int32_t> LoadedModel::eos_ids() const {
  std::set<int32_t> ids;
  add_ids(folder.config(), ids);
  fs::path generation = folder.path() / "generation_config.json";
  if (fs::exists(generation)) add_ids(read_json_object(generation), ids);
  if (auto id = tokenizer.eos_id()) ids.insert(*id);
  return ids;
}

std::optional<lora::Adapters> use_adapter(LoadedModel& loaded,
                                          const std::optional<std::string>& file) {
  if (file == "none") return {};
  if (!file && !fs::exists(kDefaultAdapter)) return {};
  if (file) return put_adapter(loaded, lora::read_adapter_file(*file));
  try {
    lora::AdapterFile adapter = lora::read_adapter_file(kDefaultAdapter);
    lora::check_fits(*loaded.model, adapter);
    note("Using the adapter {} (--adapter-file none: the base model)", kDefaultAdapter);
    return put_adapter(loaded, adapter);
  } catch (const Error& error) {
    fail("{}; name another with --adapter-file, or give --adapter-file none for the base model",
         error.what());
  }
}

lora::Adapters put_adapter(LoadedModel& loaded, const lora::AdapterFile& file) {
  lora::Adapters adapters = lora::apply(*loaded.model, file);
  lora::warn_if_other_base(file, lora::fingerprint(loaded.folder));
  return adapters;
}

}  // namespace graft::cli
