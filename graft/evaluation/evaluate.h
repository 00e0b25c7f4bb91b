#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "graft/distributed/group.h"
#include "graft/evaluation/scorer.h"
#include "graft/generation/batch.h"
#include "graft/models/model.h"
#include "graft/tokenizer/tokenizer.h"

namespace graft::evaluation {

/// A record that a model answers.
struct Question {
  std::vector<int32_t> ids;  // of the prompt
  std::string prompt;
  std::string reference;
  ordered_json record;
  std::string place;  // file and line
};

struct EvaluateOptions {
  generation::BatchOptions batch;
  generation::SamplerOptions sampler;  // of the i-th question with the seed + i
};

/// One measure over all records that can be scored.
struct Figure {
  std::string name;
  double mean = 0;
  double standard_error = 0;  // of the mean
};

struct Evaluation {
  std::vector<Answered> answers;      // in the order of the questions
  std::vector<Scores> scores;         // of as many answers, or fewer after an interrupt
  std::vector<Figure> figures;        // of the scorer's measures
  size_t scored = 0;                  // records that count
  std::vector<std::string> problems;  // of those that do not, with their places
  generation::BatchResult generated;
};

/// Called after each answer: how many there are.
using Answers = std::function<void(size_t answers)>;

/// Lets a model answer questions, in batches, and scores its answers. After an interrupt
/// (`options.batch.interrupted`) what is complete is scored no more. Several processes answer some
/// questions each, as one would answer them; all get the answers, and the first one scores them.
/// Throws Error as generate_batch and the scorer do.
Evaluation evaluate(const models::Model& model, const tokenizer::Tokenizer& tokenizer,
                    std::span<const Question> questions, Scorer& scorer,
                    const EvaluateOptions& options, const Answers& answered = {},
                    const distributed::Group& ranks = distributed::alone());

/// The means of the scores that count.
std::vector<Figure> figures_of(const std::vector<std::string>& measures,
                               std::span<const Scores> scores);

}  // namespace graft::evaluation
