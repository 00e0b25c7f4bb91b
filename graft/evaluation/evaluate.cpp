#include "graft/evaluation/evaluate.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>
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

namespace {

// The texts of answers by the numbers of their questions; fewer after an interrupt.
using Texts = std::map<size_t, std::string>;

// Those of all processes.
Texts shared(const Texts& own, const distributed::Group& ranks) {
  if (ranks.is_alone()) return own;
  ordered_json mine = ordered_json::array();
  for (const auto& [index, text] : own) mine.push_back({index, text});
  Texts all;
  for (const std::string& of_rank :
       ranks.gather(mine.dump(-1, ' ', false, ordered_json::error_handler_t::replace))) {
    for (const ordered_json& one : ordered_json::parse(of_rank)) {
      all[one.at(0).get<size_t>()] = one.at(1).get<std::string>();
    }
  }
  return all;
}

// Tokens of all, and the time of who took longest.
generation::BatchResult together(const generation::BatchResult& own,
                                 const distributed::Group& ranks) {
  generation::BatchResult all;
  for (const std::vector<double>& one : ranks.gather(std::vector<double>{
           static_cast<double>(own.answers), static_cast<double>(own.prompt_tokens),
           static_cast<double>(own.steps), own.prompt_seconds, own.seconds})) {
    all.answers += static_cast<size_t>(one[0]);
    all.prompt_tokens += static_cast<int64_t>(one[1]);
    all.steps += static_cast<int64_t>(one[2]);
    all.prompt_seconds = std::max(all.prompt_seconds, one[3]);
    all.seconds = std::max(all.seconds, one[4]);
  }
  return all;
}

}  // namespace

Evaluation evaluate(const models::Model& model, const tokenizer::Tokenizer& tokenizer,
                    std::span<const Question> questions, Scorer& scorer,
                    const EvaluateOptions& options, const Answers& answered,
                    const distributed::Group& ranks) {
  std::vector<size_t> own;
  std::vector<generation::BatchPrompt> prompts;
  for (auto i = static_cast<size_t>(ranks.rank()); i < questions.size();
       i += static_cast<size_t>(ranks.size())) {
    own.push_back(i);
    prompts.push_back({questions[i].ids, options.sampler});
    prompts.back().sampler.seed += i;
  }
  Evaluation result;
  Texts texts;
  bool interrupted = false;
  result.generated =
      generation::generate_batch(model, tokenizer, prompts, options.batch,
                                 [&](size_t index, const generation::BatchAnswer& answer) {
                                   if (answer.end == generation::GenerateEnd::interrupted)
                                     interrupted = true;
                                   if (interrupted) return;
                                   texts[own[index]] = answer.text;
                                   if (answered)
                                     answered(texts.size() * questions.size() / own.size());
                                 });
  result.generated = together(result.generated, ranks);
  for (const auto& [index, text] : shared(texts, ranks)) {
    const Question& question = questions[index];
    result.answers.push_back(
        {question.prompt, text, question.reference, question.record, question.place});
  }
  if (!ranks.is_first()) return result;
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
