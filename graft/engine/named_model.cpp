#include "graft/engine/named_model.h"

#include <functional>
#include <string_view>

#include "graft/base/error.h"
#include "graft/hub/cache.h"
#include "graft/hub/chosen_files.h"
#include "graft/hub/model.h"
#include "graft/lora/adapter_path.h"

namespace graft::engine {

namespace {

using Fetch = std::function<fs::path(const hub::Environment&, const hub::Repository&)>;

// "owner/name?file=NAME", NAME being empty without.
struct HubAdapter {
  std::string repository, file;

  explicit HubAdapter(const std::string& name) : repository(name.substr(0, name.find(kQuery))) {
    if (repository.size() == name.size()) return;
    constexpr std::string_view key = "file=";
    const std::string query = name.substr(repository.size() + 1);
    if (!query.starts_with(key) || query.size() == key.size()) {
      fail_usage("{}: behind {} stands file=NAME, a file of the repository", name, kQuery);
    }
    file = query.substr(key.size());
  }

  static constexpr char kQuery = '?';
};

// `what`: "a model".
fs::path find(const Runtime& runtime, const std::string& name, const Fetch& fetch,
              const char* what) {
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

bool is_adapter_here(const std::string& name) {
  if (is_there(name)) return true;
  return name.find(HubAdapter::kQuery) == std::string::npos && lora::is_adapter_path(name);
}

fs::path named_adapter_path(const Runtime& runtime, const std::string& name) {
  if (is_adapter_here(name)) return name;
  const HubAdapter adapter(name);
  const auto fetch = [&](const hub::Environment& environment, const hub::Repository& repository) {
    const auto choose = [&](const hub::RepositoryFiles& files) {
      return lora::adapter_files_among(files.names, adapter.file);
    };
    const fs::path folder = hub::fetch_chosen(environment, repository, choose);
    return adapter.file.empty() ? folder : folder / adapter.file;
  };
  return find(runtime, adapter.repository, fetch, "an adapter");
}

io::Provenance provenance_of(const fs::path& model) {
  if (!is_folder(model)) return {};
  if (const auto origin = hub::origin_of_snapshot(model)) return {.origin = origin};
  return io::Provenance::read(model);
}

}  // namespace graft::engine
