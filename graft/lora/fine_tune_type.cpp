#include "graft/lora/fine_tune_type.h"

#include "graft/base/error.h"

namespace graft::lora {
namespace {

constexpr FineTuneType kTypes[] = {FineTuneType::lora, FineTuneType::dora, FineTuneType::full};

}  // namespace

std::string name_of(FineTuneType type) {
  switch (type) {
    case FineTuneType::dora:
      return "dora";
    case FineTuneType::full:
      return "full";
    default:
      return "lora";
  }
}

FineTuneType fine_tune_type(const std::string& name) {
  for (const FineTuneType type : kTypes) {
    if (name_of(type) == name) return type;
  }
  fail_usage("`fine_tune_type` must be lora, dora or full, found {}", name);
}

}  // namespace graft::lora
