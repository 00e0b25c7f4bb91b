#pragma once

namespace graft::data::check {

/// A kind of problem.
struct Kind {
  const char* name;     // in JSON: "empty_answer"
  const char* title;    // "empty answers"
  const char* meaning;  // what it does to a training, and what to do
};

}  // namespace graft::data::check
