#include "graft/data/check/report_json.h"

#include <utility>

namespace graft::data::check {
namespace {

constexpr int kVersion = 1;

ordered_json lengths_json(const LengthSummary& lengths) {
  ordered_json histogram = ordered_json::array();
  for (const LengthRange& range : lengths.histogram) {
    histogram.push_back({{"least", range.least}, {"most", range.most}, {"count", range.count}});
  }
  return {{"count", lengths.count},     {"total", lengths.total},
          {"mean", lengths.mean},       {"median", lengths.median},
          {"p95", lengths.p95},         {"p99", lengths.p99},
          {"longest", lengths.longest}, {"histogram", std::move(histogram)}};
}

ordered_json source_json(const SourceReport& source, bool has_tokens) {
  ordered_json object = {{"split", source.split},
                         {"name", source.name},
                         {"files", source.files},
                         {"format", source.format},
                         {"fields", source.fields},
                         {"records", source.records},
                         {"broken", source.broken},
                         {"trainable", source.compared == 0},
                         {has_tokens ? "tokens" : "characters", lengths_json(source.lengths)}};
  if (has_tokens) {
    object["examples"] = source.tokens.examples;
    object["trained_tokens"] = source.tokens.trained;
    object["too_long"] = source.tokens.longer;
    object["tokens_beyond"] = source.tokens.beyond;
  }
  return object;
}

ordered_json place_json(const Report& report, const Place& place) {
  return {{"file", report.files[place.file]},
          {"line", place.line == 0 ? ordered_json() : ordered_json(place.line)}};
}

ordered_json problems_json(const Report& report, const ProblemList& list) {
  ordered_json listed = ordered_json::array();
  for (const Problem& problem : list.listed) {
    ordered_json object = place_json(report, problem.place);
    object["detail"] = problem.detail;
    if (problem.other) object["other"] = place_json(report, *problem.other);
    listed.push_back(std::move(object));
  }
  return {{"kind", list.kind->name}, {"title", list.kind->title}, {"meaning", list.kind->meaning},
          {"count", list.count()},   {"by_source", list.counts},  {"listed", std::move(listed)}};
}

ordered_json shown_json(const ShownRecord& record) {
  ordered_json examples = ordered_json::array();
  for (const ShownExample& example : record.examples) {
    ordered_json runs = ordered_json::array();
    for (const ShownRun& run : example.runs) {
      runs.push_back({{"text", run.text}, {"trained", run.trained}, {"special", run.special}});
    }
    examples.push_back({{"name", example.name},
                        {"tokens", example.tokens},
                        {"trained", example.trained},
                        {"runs", std::move(runs)}});
  }
  return {{"file", record.file}, {"line", record.line}, {"examples", std::move(examples)}};
}

}  // namespace

ordered_json to_json(const Report& report) {
  ordered_json object = {{"version", kVersion},
                         {"program", "graft " GRAFT_VERSION},
                         {"problem_count", report.problem_count()}};
  object["max_seq_length"] =
      report.has_tokens ? ordered_json(report.max_seq_length) : ordered_json();
  for (const char* key : {"sources", "problems", "shown"}) object[key] = ordered_json::array();
  for (const SourceReport& source : report.sources) {
    object["sources"].push_back(source_json(source, report.has_tokens));
  }
  for (const ProblemList& list : report.problems) {
    object["problems"].push_back(problems_json(report, list));
  }
  for (const ShownRecord& record : report.shown) object["shown"].push_back(shown_json(record));
  return object;
}

}  // namespace graft::data::check
