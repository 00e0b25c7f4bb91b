#include "graft/engine/named_model.h"

#include <system_error>

#include "graft/base/error.h"
#include "graft/hub/cache.h"
#include "graft/hub/model.h"

namespace graft::engine {

namespace {

using Fetch = fs::path (*)(const hub::Environment&, const hub::Repository&);

fs::path find_model(const Runtime& runtime, const std::string& name, Fetch fetch) {
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
    fail("there is no folder {} here, and as a model of the Hub: {}", name, error.what());
  }
}

}  // namespace

fs::path named_model(const Runtime& runtime, const std::string& name) {
  return find_model(runtime, name, hub::fetch_model);
}

fs::path named_config(const Runtime& runtime, const std::string& name) {
  return find_model(runtime, name, hub::fetch_model_config);
}

io::Provenance provenance_of(const fs::path& model) {
  std::error_code ignored;
  if (!fs::is_directory(model, ignored)) return {};
  if (const auto origin = hub::origin_of_snapshot(model)) return {.origin = origin};
  return io::Provenance::read(model);
}

}  // namespace graft::engine
