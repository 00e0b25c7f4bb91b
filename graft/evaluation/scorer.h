#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "graft/base/json_types.h"

namespace graft::evaluation {

/// An answer, and what it is compared with.
struct Answered {
  std::string prompt;
  std::string answer;            // what the model wrote
  std::string reference;         // what the record has
  ordered_json record;           // all of its line
  std::string place = "record";  // file and line, for messages
};

/// What one answer is worth.
struct Scores {
  std::vector<double> values;  // one for each measure, from 0 to 1; empty if `problem` is not
  std::string problem;         // why the record can score no answer: it does not count
  std::string note;            // why the answer scores less than 1, where there is more to say
};

/// Compares answers with references.
class Scorer {
 public:
  virtual ~Scorer() = default;

  /// The names of its measures, the one that matters most first.
  virtual std::vector<std::string> measures() const = 0;

  /// One for each answer, in order. `interrupted`, if not empty, is asked now and then: the scores
  /// so far come back when it says so. Throws Error when scoring itself fails.
  virtual std::vector<Scores> score(std::span<const Answered> answers,
                                    const std::function<bool()>& interrupted = {}) = 0;
};

/// A scorer that looks at one answer at a time.
class EachScorer : public Scorer {
 public:
  std::vector<Scores> score(std::span<const Answered> answers,
                            const std::function<bool()>& interrupted = {}) final;

 protected:
  virtual Scores score_one(const Answered& answered) = 0;
};

}  // namespace graft::evaluation
