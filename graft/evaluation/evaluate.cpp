#include "graft/evaluation/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

namespace graft::evaluation {

std::vector<Figure> figures_of(const std::vector<std::string>& measures,
                               std::span<const Scores> scores) {
  std::vector<Figure> figures;
  for (size_t i = 0; i < measures.size(); ++i) {
    double count = 0, sum = 0, squares = 0;
    for (const Scores& one : scores) {
      if (!one.problem.empty()) continue;
      ++count;
      sum += one.values.at(i);
      squares += one.values.at(i) * one.values.at(i);
    }
    Figure figure{measures[i], 0, 0};
    if (count > 0) figure.mean = sum / count;
    if (count > 1) {
      const double variance = (squares - sum * sum / count) / (count - 1);
      figure.standard_error = std::sqrt(std::max(0.0, variance) / count);
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

Evaluation evaluate(const models::Model& model, const tokenizer::Tokenizer& tokenizer,
                    std::span<const Question> questions, Scorer& scorer,
                    const EvaluateOptions& options, const Answers& answered) {
  std::vector<generation::BatchPrompt> prompts;
  for (size_t i = 0; i < questions.size(); ++i) {
    prompts.push_back({questions[i].ids, options.sampler});
    prompts.back().sampler.seed += i;
  }
  Evaluation result;
  bool interrupted = false;
  result.generated = generation::generate_batch(
      model, tokenizer, prompts, options.batch,
      [&](size_t index, const generation::BatchAnswer& answer) {
        if (answer.end == generation::GenerateEnd::interrupted) interrupted = true;
        if (interrupted) return;
        const Question& question = questions[index];
        result.answers.push_back(
            {question.prompt, answer.text, question.reference, question.record, question.place});
        if (answered) answered(result.answers.size());
      });
  if (result.answers.size() == questions.size()) {
    result.scores = scorer.score(result.answers, options.batch.interrupted);
  }
  result.figures = figures_of(scorer.measures(), result.scores);
  for (size_t i = 0; i < result.scores.size(); ++i) {
    if (result.scores[i].problem.empty()) {
      ++result.scored;
    } else {
      result.problems.push_back(
          fmt::format("{}: {}", result.answers[i].place, result.scores[i].problem));
    }
  }
  return result;
}

}  // namespace graft::evaluation
