#include "graft/engine/loaded_model.h"

#include <fmt/ranges.h>

#include "graft/base/error.h"
#include "graft/engine/named_model.h"
#include "graft/hub/cache.h"
#include "graft/io/json.h"
#include "graft/lora/fingerprint.h"
#include "graft/models/registry.h"

namespace graft::engine {
namespace {

void add_ids(const json& config, const fs::path& file, std::set<int32_t>& ids) {
  const auto found = config.find("eos_token_id");
  if (found == config.end() || found->is_null()) return;
  const json list = found->is_array() ? *found : json::array({*found});
  for (const json& id : list) {
    if (!id.is_number_integer()) {
      fail("{}: eos_token_id must be an id or a list of ids", file.string());
    }
    ids.insert(id.get<int32_t>());
  }
}

template <class Load>
LoadedModel load_with(const fs::path& folder, const Load& load_model) {
  for (;;) {
    io::ModelFolder opened = io::ModelFolder::open(folder);
    auto model = load_model(opened);
    tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::load(folder);
    // Not the weights of one model with the tokenizer of the next.
    if (opened.is_current()) return {std::move(opened), std::move(model), std::move(tokenizer)};
  }
}

}  // namespace

LoadedModel load_folder(const fs::path& folder) {
  return load_with(folder, [](const auto& opened) { return models::load_model(opened); });
}

LoadedModel load_to_write(const fs::path& folder) {
  return load_with(folder, models::load_stored_model);
}

io::ModelFolder open_to_plan(const fs::path& folder) {
  const fs::path config = folder / "config.json";
  if (!is_there(config) || hub::is_complete_model(folder)) return io::ModelFolder::open(folder);
  return io::ModelFolder::of_config(folder, io::read_json_object(config));
}

LoadedModel load_to_plan(const fs::path& folder) {
  io::ModelFolder opened = open_to_plan(folder);
  if (!opened.is_config_alone()) return load_folder(folder);
  auto model = models::load_model(opened);
  return {std::move(opened), std::move(model), tokenizer::Tokenizer::load(folder)};
}

std::optional<int> vocabulary_of(const fs::path& folder) {
  const fs::path config = folder / "config.json";
  if (!is_there(config)) return {};
  try {
    const auto opened = io::ModelFolder::of_config(folder, io::read_json_object(config));
    return models::load_model(opened)->vocab_size();
  } catch (const Error&) {  // of a family that graft has not: its texts can be looked at
    return {};
  }
}

LoadedModel load(const Runtime& runtime, const std::string& name) {
  return load_folder(named_model(runtime, name));
}

std::string LoadedModel::precision() const {
  std::set<std::string> kinds;
  for (const models::LinearPart& linear : models::linears_of(model->parts())) {
    const ops::Weight& w = linear.weight();
    kinds.insert(w.quantized() ? quantization_text(w.mode, w.bits, w.group_size)
                               : std::string(io::dtype_name(w.weight.dtype())));
  }
  return fmt::format("{}", fmt::join(kinds, " and "));
}

std::set<int32_t> LoadedModel::eos_ids() const {
  std::set<int32_t> ids;
  add_ids(folder.config(), folder.path() / "config.json", ids);
  fs::path generation = folder.path() / "generation_config.json";
  if (is_there(generation)) add_ids(io::read_json_object(generation), generation, ids);
  if (auto id = tokenizer.eos_id()) ids.insert(*id);
  return ids;
}

data::ChatForm LoadedModel::chat() const { return data::chat_form(folder.path(), tokenizer); }

lora::Adapters put_adapter(LoadedModel& loaded, const lora::AdapterFile& file,
                           FrontEnd& front_end) {
  lora::Adapters adapters = lora::apply(*loaded.model, file, front_end);
  lora::warn_if_other_base(file, lora::fingerprint(loaded.folder), front_end);
  return adapters;
}

}  // namespace graft::engine
