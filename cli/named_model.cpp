#include "cli/named_model.h"

#include "cli/hub_environment.h"
#include "cli/interrupt.h"
#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/hub/model.h"

namespace graft::cli {

std::filesystem::path named_model(const std::string& name) {
  if (is_there(name)) return name;
  const auto repository = hub::Repository::parse(name);
  // A name alone is more likely a folder that is not there.
  if (!repository || name.find('/') == std::string::npos || name.ends_with(".gguf")) return name;
  const InterruptNotice notice(kDownloadInterrupted);
  try {
    return hub::fetch_model(hub_environment(), *repository);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    fail("there is no folder {} here, and as a model of the Hub: {}", name, error.what());
  }
}

}  // namespace graft::cli
