#include "cli/named.h"

#include <optional>

#include "cli/activations_option.h"
#include "cli/interrupt.h"
#include "graft/engine/named_model.h"

namespace graft::cli {
namespace {

constexpr const char* kInterrupted =
    "Interrupted: what has arrived is kept, and the same command goes on with it";

}  // namespace

fs::path model_path(const engine::Runtime& runtime, const std::string& name) {
  if (is_there(name)) return name;
  const InterruptNotice notice(kInterrupted);
  return engine::named_model(runtime, name);
}

fs::path adapter_path(const engine::Runtime& runtime, const std::string& name) {
  if (engine::is_adapter_here(name)) return name;
  const InterruptNotice notice(kInterrupted);
  return engine::named_adapter_path(runtime, name);
}

engine::NamedData named_data(const engine::Runtime& runtime, const engine::DataOptions& options,
                             const std::vector<std::string>& splits, engine::Splits which) {
  std::optional<InterruptNotice> notice;
  for (const std::string& name : options.names) {
    if (!is_there(data::DataName::parse(name).name) && !notice) notice.emplace(kInterrupted);
  }
  return {runtime, options, splits, which};
}

engine::LoadedModel load_named(const engine::Runtime& runtime, const std::string& name) {
  engine::LoadedModel loaded = engine::load_folder(model_path(runtime, name));
  tell_of_activations(runtime, loaded);
  return loaded;
}

engine::LoadedModel load_named_to_plan(const engine::Runtime& runtime, const std::string& name) {
  const InterruptNotice notice(kInterrupted);
  return engine::load_to_plan(engine::named_config(runtime, name));
}

}  // namespace graft::cli
