#include "graft/base/front_end.h"

namespace graft {

const std::shared_ptr<FrontEnd>& silent_front_end() {
  static const auto silent = std::make_shared<FrontEnd>();
  return silent;
}

}  // namespace graft
