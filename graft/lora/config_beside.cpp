#include "graft/lora/config_beside.h"

#include <system_error>

#include "graft/base/atomic_file.h"
#include "graft/io/json.h"

namespace graft::lora {

fs::path config_path(const fs::path& adapter_file) {
  return adapter_file.parent_path() / kAdapterConfig;
}

std::optional<json> config_beside(const fs::path& adapter_file) {
  const fs::path path = config_path(adapter_file);
  if (!is_there(path)) return std::nullopt;
  return io::read_json_object(path);
}

NewConfig::NewConfig(const fs::path& adapter_file, const ordered_json& config)
    : path_(config_path(adapter_file)), text_(io::python_json(config)) {}

bool NewConfig::is_there_already() const { return is_there(path_) && read_text(path_) == text_; }

void NewConfig::remove_another() const {
  std::error_code ignored;
  if (!is_there_already()) fs::remove(path_, ignored);
}

void NewConfig::write() const {
  if (!is_there_already()) write_text(path_, text_);
}

}  // namespace graft::lora
