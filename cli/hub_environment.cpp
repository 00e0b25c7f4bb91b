#include "cli/hub_environment.h"

namespace graft::cli {

const hub::Environment& hub_environment() {
  static const hub::Environment environment = hub::Environment::read();
  return environment;
}

}  // namespace graft::cli
