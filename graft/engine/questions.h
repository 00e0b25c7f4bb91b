#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/data/encoder.h"
#include "graft/data/source.h"
#include "graft/evaluation/evaluate.h"

namespace graft::engine {

/// What a model can be asked of a data set's records.
struct Questions {
  std::vector<evaluation::Question> questions;
  int64_t without_answer = 0;            // records that are left out
  std::vector<std::string> places = {};  // "file:line" of the first of them
};

/// The prompts of the first `most` records (-1: all) with the answers that they have: of pairs, of
/// chats their last answer, of instructions. Throws Error, as "file:line: ...", for records that
/// have none by their format (texts, preferences), and as data::load does.
Questions read_questions(const std::vector<data::Source>& sources, const data::Encoder& encoder,
                         int64_t most);

}  // namespace graft::engine
