#include "graft/engine/named_model.h"

#include <system_error>

#include "graft/base/error.h"
#include "graft/hub/cache.h"
#include "graft/hub/chosen_files.h"
#include "graft/hub/model.h"
#include "graft/lora/adapter_path.h"

namespace graft::engine {

namespace {

using Fetch = fs::path (*)(const hub::Environment&, const hub::Repository&);

fs::path fetch_adapter(const hub::Environment& environment, const hub::Repository& repository) {
  return hub::fetch_chosen(environment, repository, [](const hub::RepositoryFiles& files) {
    return lora::adapter_files_among(files.names);
  });
}

// `what`: "a model".
fs::path find(const Runtime& runtime, const std::string& name, Fetch fetch, const char* what) {
  if (is_there(name)) return name;
  const auto repository = hub::Repository::parse(name);
  // A name without an owner is more likely a missing folder.
  if (!repository || name.find('/') == std::string::npos || name.ends_with(".gguf")) return name;
  try {
    return fetch(runtime.hub(), *repository);
  } catch (const UsageError&) {
    throw;
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    fail("there is no folder {} here, and as {} of the Hub: {}", name, what, error.what());
  }
}

}  // namespace

fs::path named_model(const Runtime& runtime, const std::string& name) {
  return find(runtime, name, hub::fetch_model, "a model");
}

fs::path named_config(const Runtime& runtime, const std::string& name) {
  return find(runtime, name, hub::fetch_model_config, "a model");
}

fs::path named_adapter(const Runtime& runtime, const std::string& name) {
  if (lora::is_adapter_path(name)) return name;
  return find(runtime, name, fetch_adapter, "an adapter");
}

io::Provenance provenance_of(const fs::path& model) {
  std::error_code ignored;
  if (!fs::is_directory(model, ignored)) return {};
  if (const auto origin = hub::origin_of_snapshot(model)) return {.origin = origin};
  return io::Provenance::read(model);
}

}  // namespace graft::engine
