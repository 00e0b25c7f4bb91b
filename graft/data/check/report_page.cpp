#include "graft/data/check/report_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "graft/base/printable.h"

namespace graft::data::check {
namespace {

constexpr const char* kHead = R"(<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'">
<title>graft data check</title>
<style>
:root { --back: #fcfcfb; --ink: #1a1e23; --soft: #59616b; --rule: #dfe2e5; --bar: #1c63b7; --good: #1d7f43; --trained: #d9f0e0; --bad: #b3261e }
@media (prefers-color-scheme: dark) {
  :root { color-scheme: dark; --back: #131619; --ink: #e5e8ea; --soft: #a0a8b0; --rule: #31373c; --bar: #6cb0f5; --good: #5cc983; --trained: #17402a; --bad: #f28b82 }
}
* { box-sizing: border-box }
body { margin: 0 auto; max-width: 1040px; padding: 48px 28px; background: var(--back); color: var(--ink); font: 15px/1.5 Inter, "Segoe UI", -apple-system, Roboto, "Noto Sans", Arial, sans-serif; font-variant-numeric: tabular-nums; overflow-wrap: anywhere }
h1 { font-size: 30px; margin: 0 } h2 { font-size: 19px; margin: 44px 0 8px } h3 { font-size: 15px; margin: 24px 0 2px }
p { margin: 4px 0 } .soft, th { color: var(--soft); font-weight: 400 } .good { color: var(--good) } .bad { color: var(--bad) }
.scroll { overflow-x: auto } table { border-collapse: collapse; font-size: 14px }
th, td { text-align: right; padding: 5px 14px 5px 0; border-bottom: 1px solid var(--rule); white-space: nowrap }
th:first-child, td:first-child, .left { text-align: left }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: 2px 12px; font-size: 13px; max-width: 640px }
.bars i { background: var(--bar); height: 12px; align-self: center; border-radius: 2px }
ul { margin: 6px 0; padding-left: 20px; font-size: 14px }
pre { white-space: pre-wrap; border: 1px solid var(--rule); border-radius: 6px; padding: 12px 14px; font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; margin: 6px 0 }
mark { background: var(--trained); color: inherit } pre b { color: var(--bar); font-weight: 600 }
</style>
</head>
<body>
)";

void add_sources(const Report& report, std::string& page) {
  const char* unit = report.has_tokens ? "tokens" : "characters";
  page +=
      "<h2>Records</h2>\n<div class=scroll><table><tr><th>split<th class=left>source<th "
      "class=left>format<th>records<th>broken";
  page += fmt::format("<th>{}<th>mean<th>median<th>p95<th>p99<th>longest", unit);
  if (report.has_tokens) page += "<th>trained<th>too long";
  page += "\n";
  for (const SourceReport& source : report.sources) {
    const LengthSummary& lengths = source.lengths;
    page += fmt::format("<tr><td>{}<td class=left>{}<td class=left>{}<td>{}<td>{}",
                        html_text(source.split), html_text(source.name), source.format,
                        grouped(source.records), grouped(source.broken));
    page += fmt::format("<td>{}<td>{:.1f}<td>{}<td>{}<td>{}<td>{}", grouped(lengths.total),
                        lengths.mean, grouped(lengths.median), grouped(lengths.p95),
                        grouped(lengths.p99), grouped(lengths.longest));
    if (report.has_tokens) {
      const double all = static_cast<double>(std::max<int64_t>(lengths.total, 1));
      page += fmt::format("<td>{:.1f} %<td>{} ({} tokens)",
                          100 * static_cast<double>(source.tokens.trained) / all,
                          grouped(source.tokens.longer), grouped(source.tokens.beyond));
    }
    page += "\n";
  }
  page += "</table></div>\n";
  for (const SourceReport& source : report.sources) {
    const std::string note = not_trained_on(source);
    if (note.empty()) continue;
    page += fmt::format("<p>{}: {}</p>\n", html_text(source.name), html_text(note));
  }
}

void add_histograms(const Report& report, std::string& page) {
  for (const SourceReport& source : report.sources) {
    if (source.lengths.histogram.empty()) continue;
    page += fmt::format("<h3>{}: {} by {}</h3>\n<div class=bars>\n", html_text(source.name),
                        report.has_tokens ? "examples" : "records",
                        report.has_tokens ? "tokens" : "characters");
    int64_t most = 1;
    for (const LengthRange& range : source.lengths.histogram) most = std::max(most, range.count);
    for (const LengthRange& range : source.lengths.histogram) {
      const double share = static_cast<double>(range.count) / static_cast<double>(most);
      page += fmt::format(
          "<span class=soft>{} to {}</span><i style=\"width:{:.2f}%\"></i><span>{}</span>\n",
          grouped(range.least), grouped(range.most), 100 * share, grouped(range.count));
    }
    page += "</div>\n";
  }
}

void add_problems(const Report& report, std::string& page) {
  page += "<h2>Problems</h2>\n";
  if (report.problems.empty()) page += "<p class=good>None was found.</p>\n";
  for (const ProblemList& list : report.problems) {
    page += fmt::format("<h3><span class=bad>{}</span> {}</h3>\n<p class=soft>{}</p>\n<ul>\n",
                        grouped(list.count()), list.kind->title, html_text(list.kind->meaning));
    for (const Problem& problem : list.listed) {
      page += fmt::format("<li>{}: {}{}\n", html_text(report.place_text(problem.place)),
                          html_text(problem.detail),
                          problem.other ? " " + html_text(report.place_text(*problem.other)) : "");
    }
    const int64_t more = list.count() - std::ssize(list.listed);
    if (more > 0) page += fmt::format("<li class=soft>and {} more\n", grouped(more));
    page += "</ul>\n";
  }
}

void add_shown(const Report& report, std::string& page) {
  if (report.shown.empty()) return;
  page += report.has_tokens
              ? "<h2>As the model sees them</h2>\n<p class=soft>What is <mark>marked</mark> is "
                "trained; <b>bold</b> are special tokens.</p>\n"
              : "<h2>The first records</h2>\n";
  for (const ShownRecord& record : report.shown) {
    for (const ShownExample& example : record.examples) {
      page += fmt::format("<h3>{}:{}{}{}</h3>\n<pre>", html_text(record.file), record.line,
                          example.name.empty() ? "" : ", ", html_text(example.name));
      for (const ShownRun& run : example.runs) {
        std::string text = html_text(run.text);
        if (run.special) text = "<b>" + text + "</b>";
        page += run.trained ? "<mark>" + text + "</mark>" : text;
      }
      page += "</pre>\n";
    }
  }
}

}  // namespace

std::string html_text(std::string_view text) {
  std::string result;
  for (const char c : printable(text)) {
    switch (c) {
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '&':
        result += "&amp;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += c;
    }
  }
  return result;
}

std::string page_of(const Report& report) {
  std::string page = kHead;
  int64_t records = 0;
  for (const SourceReport& source : report.sources) records += source.records;
  page +=
      fmt::format("<h1>Data check</h1>\n<p class=soft>{} records, {} problems, by graft {}</p>\n",
                  grouped(records), grouped(report.problem_count()), GRAFT_VERSION);
  add_sources(report, page);
  add_histograms(report, page);
  add_problems(report, page);
  add_shown(report, page);
  page += "</body>\n</html>\n";
  return page;
}

}  // namespace graft::data::check
