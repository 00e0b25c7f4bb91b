#include "cli/eval_output.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/output.h"
#include "graft/base/atomic_file.h"
#include "graft/base/text_table.h"

namespace graft::cli {
namespace {

std::string shown_adapter(const EvalResult& result) {
  return result.adapter == "none" ? "no adapter" : result.adapter;
}

std::string percent(double share) { return fmt::format("{:.1f}%", 100 * share); }

// As JSON writes it; text of a model that is no UTF-8 is replaced.
std::string dumped(const ordered_json& value) {
  return value.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

ordered_json answer_json(const EvalResult& result, size_t i) {
  const evaluation::Evaluation& its = result.answers;
  ordered_json one = {{"adapter", result.adapter},
                      {"prompt", its.answers[i].prompt},
                      {"reference", its.answers[i].reference},
                      {"answer", its.answers[i].answer},
                      {"place", its.answers[i].place}};
  if (i >= its.scores.size()) return one;
  const evaluation::Scores& scores = its.scores[i];
  if (!scores.problem.empty()) one["problem"] = scores.problem;
  if (!scores.note.empty()) one["note"] = scores.note;
  for (size_t m = 0; m < scores.values.size(); ++m) {
    one["scores"][its.figures[m].name] = scores.values[m];
  }
  return one;
}

// Whether answers were run, as the scorer sql does: its first measure.
bool were_executed(std::span<const EvalResult> results) {
  const std::vector<evaluation::Figure>& figures = results.front().answers.figures;
  return !figures.empty() && figures.front().name == "execution";
}

void print_sentence(std::span<const EvalResult> results) {
  if (results.size() < 2 || results.front().adapter != "none") return;
  const auto share = [](const EvalResult& result) {
    return fmt::format("{:.0f}%", 100 * result.answers.figures.front().mean);
  };
  for (const EvalResult& result : results.subspan(1)) {
    print_out("Answers that return the right result: {} before, {} after{}\n",
              share(results.front()), share(result),
              results.size() > 2 ? fmt::format(" ({})", result.adapter) : "");
  }
}

}  // namespace

void print_eval(std::span<const EvalResult> results) {
  if (results.empty()) return;
  TableRow head = {"adapter", "loss", "perplexity"};
  for (const evaluation::Figure& figure : results.front().answers.figures) {
    head.push_back(figure.name);
  }
  const bool answers = !results.front().answers.figures.empty();
  if (answers) head.insert(head.end(), {"records", "tokens/s"});
  std::vector<TableRow> rows = {head};
  for (const EvalResult& result : results) {
    TableRow row = {shown_adapter(result), fmt::format("{:.3f}", result.loss),
                    fmt::format("{:.3f}", result.perplexity)};
    for (const evaluation::Figure& figure : result.answers.figures) {
      row.push_back(fmt::format("{} ±{:.1f}", percent(figure.mean), 100 * figure.standard_error));
    }
    const generation::BatchResult& made = result.answers.generated;
    if (answers) {
      row.push_back(std::to_string(result.answers.scored));
      row.push_back(fmt::format("{:.0f}", static_cast<double>(made.steps) / made.seconds));
    }
    rows.push_back(std::move(row));
  }
  print_out("{}", text_table(rows));
  if (!were_executed(results)) return;
  print_out(
      "rows: references that give a row at all; where they are few, a wrong query is easily "
      "right\n");
  print_sentence(results);
}

void print_samples(std::span<const EvalResult> results, int count) {
  if (results.empty()) return;
  const std::vector<evaluation::Answered>& asked = results.front().answers.answers;
  const size_t most = std::min(asked.size(), static_cast<size_t>(count));
  for (size_t i = 0; i < most; ++i) {
    print_out("{}\n  prompt     {}\n  reference  {}\n", asked[i].place, asked[i].prompt,
              asked[i].reference);
    for (const EvalResult& result : results) {
      std::string score;
      if (i < result.answers.scores.size() && !result.answers.scores[i].values.empty()) {
        score = fmt::format("  [{} {:.2f}]", result.answers.figures.front().name,
                            result.answers.scores[i].values.front());
      }
      print_out("  {:<9}  {}{}\n", shown_adapter(result), result.answers.answers[i].answer, score);
    }
    print_out("\n");
  }
}

ordered_json eval_json(const EvalFacts& facts, std::span<const EvalResult> results) {
  ordered_json all = {
      {"data", facts.data}, {"model", facts.model}, {"results", ordered_json::array()}};
  for (const EvalResult& result : results) {
    ordered_json one = {
        {"adapter", result.adapter}, {"loss", result.loss}, {"perplexity", result.perplexity}};
    if (!result.answers.figures.empty()) {
      one["records"] = result.answers.scored;
      for (const evaluation::Figure& figure : result.answers.figures) {
        one["measures"][figure.name] = {{"mean", figure.mean},
                                        {"standard_error", figure.standard_error}};
      }
      const generation::BatchResult& made = result.answers.generated;
      one["tokens_per_second"] = static_cast<double>(made.steps) / made.seconds;
      one["problems"] = result.answers.problems;
    }
    const size_t most = std::min(static_cast<size_t>(facts.samples), result.answers.answers.size());
    for (size_t i = 0; i < most; ++i) one["samples"].push_back(answer_json(result, i));
    all["results"].push_back(std::move(one));
  }
  return all;
}

void write_answers(const fs::path& file, std::span<const EvalResult> results) {
  AtomicFile out(file);
  for (const EvalResult& result : results) {
    for (size_t i = 0; i < result.answers.answers.size(); ++i) {
      out.write(dumped(answer_json(result, i)) + "\n");
    }
  }
  out.commit();
}

}  // namespace graft::cli
