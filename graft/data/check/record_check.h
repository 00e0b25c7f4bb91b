#pragma once

#include <functional>
#include <string>
#include <vector>

#include "graft/data/check/control_tokens.h"
#include "graft/data/check/kind.h"
#include "graft/data/check/record_view.h"

namespace graft::data::check {

/// Takes a problem of a record: where in it and what, "message 2: <|im_end|>".
using Found = std::function<void(std::string detail)>;

/// Looks for one kind of problem in a record by itself. Each has a file of its own here. Several
/// threads may call `look`.
struct RecordCheck {
  Kind kind;
  void (*look)(const RecordView& view, const ControlTokens& control, const Found& found);
};

extern const RecordCheck kEmptyRecord, kEmptyAnswer, kNoAnswer, kEqualAnswers, kRoles,
    kControlTokens, kBrokenCharacters, kDoubleEncoding, kSecrets;

/// All of them, in the order in which they are reported.
const std::vector<const RecordCheck*>& record_checks();

}  // namespace graft::data::check
