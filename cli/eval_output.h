#pragma once

#include <span>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/base/json_types.h"
#include "graft/evaluation/evaluate.h"

namespace graft::cli {

/// What was measured of a model with one adapter.
struct EvalResult {
  std::string adapter;  // its file, or "none"
  double loss = 0, perplexity = 0;
  evaluation::Evaluation answers = {};
};

/// What was measured, and how much of it is shown.
struct EvalFacts {
  std::string data, model;
  int samples;
};

/// A table with a row for each adapter; of answers that are run, the sentence that anyone
/// understands.
void print_eval(std::span<const EvalResult> results);

/// The first answers of all, side by side.
void print_samples(std::span<const EvalResult> results, int count);

/// The same as JSON.
ordered_json eval_json(const EvalFacts& facts, std::span<const EvalResult> results);

/// All answers with their scores, a JSON line each.
void write_answers(const fs::path& file, std::span<const EvalResult> results);

}  // namespace graft::cli
