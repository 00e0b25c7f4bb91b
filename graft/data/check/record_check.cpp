#include "graft/data/check/record_check.h"

namespace graft::data::check {

const std::vector<const RecordCheck*>& record_checks() {
  static const std::vector<const RecordCheck*> all = {
      &kSecrets, &kEmptyRecord,   &kNoAnswer,         &kEmptyAnswer,   &kEqualAnswers,
      &kRoles,   &kControlTokens, &kBrokenCharacters, &kDoubleEncoding};
  return all;
}

}  // namespace graft::data::check
