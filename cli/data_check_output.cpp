#include "cli/data_check_output.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

#include "cli/colour.h"
#include "cli/output.h"
#include "graft/base/terminal.h"
#include "graft/base/text_table.h"

namespace graft::cli {
namespace {

constexpr size_t kBarWidth = 32;          // columns
constexpr size_t kMostShownBytes = 4000;  // of an example

struct Paint {
  const char *bold = "", *trained = "", *special = "", *bad = "", *good = "", *soft = "", *end = "";

  static Paint of_terminal() {
    if (!stdout_has_colour()) return {};
    return {"\x1b[1m", "\x1b[32m", "\x1b[35m", "\x1b[31m", "\x1b[32m", "\x1b[2m", "\x1b[0m"};
  }
};

std::string plural(int64_t count, const std::string& noun) {
  return fmt::format("{} {}{}", data::check::grouped(count), noun, count == 1 ? "" : "s");
}

double percent(int64_t part, int64_t all) {
  return all == 0 ? 0 : 100 * static_cast<double>(part) / static_cast<double>(all);
}

// "█████▌": halves of a column where the terminal has them.
std::string bar(double share, bool blocks) {
  const auto halves = static_cast<size_t>(share * 2 * kBarWidth + 0.5);
  std::string text;
  for (size_t i = 0; i + 1 < halves; i += 2) text += blocks ? "█" : "#";
  if (halves % 2 == 1) text += blocks ? "▌" : "#";
  if (text.empty() && share > 0) text = blocks ? "▏" : "#";
  return text;
}

class Printer {
 public:
  explicit Printer(const data::check::Report& report) : report_(report) {}

  void print() const {
    for (const data::check::SourceReport& source : report_.sources) print_source(source);
    print_shown();
    print_problems();
  }

 private:
  // Strangers' texts are made printable by themselves, since colours stand between them.
  static std::string safe(std::string_view text) { return printable(text); }

  void print_source(const data::check::SourceReport& source) const {
    print_raw(
        fmt::format("{}{}{}  {}\n", paint_.bold, source.split, paint_.end, safe(source.name)));
    std::string count = plural(source.records, "record");
    if (!source.format.empty()) count += fmt::format(", {} ({})", source.format, source.fields);
    if (source.broken > 0)
      count += fmt::format("; {} cannot be read", data::check::grouped(source.broken));
    print_raw(fmt::format("  {}\n", count));
    if (const std::string note = data::check::not_trained_on(source); !note.empty()) {
      print_raw(fmt::format("  {}\n", note));
    }
    if (source.lengths.count == 0) return print_raw("\n");
    print_lengths(source);
    print_raw("\n");
  }

  void print_lengths(const data::check::SourceReport& source) const {
    const data::check::LengthSummary& lengths = source.lengths;
    print_raw(fmt::format("  {}: mean {:.1f}, median {}, p95 {}, p99 {}, longest {}\n",
                          plural(lengths.total, report_.has_tokens ? "token" : "character"),
                          lengths.mean, data::check::grouped(lengths.median),
                          data::check::grouped(lengths.p95), data::check::grouped(lengths.p99),
                          data::check::grouped(lengths.longest)));
    if (report_.has_tokens) print_tokens(source);
    int64_t most = 1;
    for (const data::check::LengthRange& range : lengths.histogram)
      most = std::max(most, range.count);
    const bool blocks = stderr_shows_blocks();
    std::vector<TableRow> rows;
    for (const data::check::LengthRange& range : lengths.histogram) {
      const double share = static_cast<double>(range.count) / static_cast<double>(most);
      std::string name = data::check::grouped(range.least);
      if (range.most > range.least) name += " to " + data::check::grouped(range.most);
      rows.push_back({"   ", name, range.count == 0 ? "0" : data::check::grouped(range.count),
                      bar(share, blocks)});
    }
    align_right(rows, 1);
    align_right(rows, 2);
    print_raw(text_table(rows));
  }

  static void align_right(std::vector<TableRow>& rows, size_t column) {
    size_t width = 0;
    for (const TableRow& row : rows) width = std::max(width, row[column].size());
    for (TableRow& row : rows) row[column].insert(0, width - row[column].size(), ' ');
  }

  void print_tokens(const data::check::SourceReport& source) const {
    const data::check::TokenCounts& tokens = source.tokens;
    print_raw(fmt::format("  {} of them trained ({:.1f} %)\n", data::check::grouped(tokens.trained),
                          percent(tokens.trained, source.lengths.total)));
    if (tokens.longer == 0) return;
    print_raw(fmt::format(
        "  {}{} longer than --max-seq-length {}{}: cutting them loses {} ({:.1f} %; see "
        "--overlong)\n",
        paint_.bad, plural(tokens.longer, "example") + (tokens.longer == 1 ? " is" : " are"),
        report_.max_seq_length, paint_.end, plural(tokens.beyond, "token"),
        percent(tokens.beyond, source.lengths.total)));
  }

  void print_problems() const {
    if (report_.problems.empty()) {
      print_raw(fmt::format("{}No problem was found.{}\n", paint_.good, paint_.end));
      return;
    }
    print_raw(fmt::format("{}{}{}\n", paint_.bold, plural(report_.problem_count(), "problem"),
                          paint_.end));
    for (const data::check::ProblemList& list : report_.problems) {
      print_raw(fmt::format("\n{}{}:{} {}{}{}\n  {}{}{}\n", paint_.bold, list.kind->title,
                            paint_.end, paint_.bad, data::check::grouped(list.count()), paint_.end,
                            paint_.soft, list.kind->meaning, paint_.end));
      for (const data::check::Problem& problem : list.listed) print_problem(problem);
      const int64_t more = list.count() - std::ssize(list.listed);
      if (more > 0 && !list.listed.empty()) {
        print_raw(fmt::format("    {}and {} more (--list){}\n", paint_.soft,
                              data::check::grouped(more), paint_.end));
      }
    }
  }

  void print_problem(const data::check::Problem& problem) const {
    std::string detail = problem.detail;
    if (problem.other) detail += " " + report_.place_text(*problem.other);
    print_raw(fmt::format("    {}  {}{}{}\n", safe(report_.place_text(problem.place)), paint_.soft,
                          one_line(safe(detail)), paint_.end));
  }

  static std::string one_line(std::string text) {
    std::replace(text.begin(), text.end(), '\n', ' ');
    return text;
  }

  void print_shown() const {
    for (const data::check::ShownRecord& record : report_.shown) {
      for (const data::check::ShownExample& example : record.examples) {
        std::string title = fmt::format("{}:{}", safe(record.file), record.line);
        if (!example.name.empty()) title += ", " + example.name;
        std::string facts;
        if (report_.has_tokens) {
          facts = fmt::format("  {}, {} trained", plural(example.tokens, "token"),
                              data::check::grouped(example.trained));
        }
        print_raw(fmt::format("{}{}{}{}{}{}\n", paint_.bold, title, paint_.end, paint_.soft, facts,
                              paint_.end));
        print_raw(with_margin(text_of(example)) + "\n");
      }
    }
  }

  // In colours, or with [[ ]] around what is trained.
  std::string text_of(const data::check::ShownExample& example) const {
    const bool colour = *paint_.end != '\0';
    std::string text;
    size_t bytes = 0;
    bool open = false;
    const auto bracket = [&](bool trained) {
      if (!colour && trained != open) text += trained ? "[[" : "]]";
      open = trained;
    };
    for (const data::check::ShownRun& run : example.runs) {
      if (bytes >= kMostShownBytes) {
        bracket(false);
        text += fmt::format("\n{}...{}", paint_.soft, paint_.end);
        break;
      }
      const std::string_view all = run.text;
      size_t end = std::min(all.size(), kMostShownBytes - bytes);
      while (end < all.size() && (static_cast<unsigned char>(all[end]) & 0xC0) == 0x80) ++end;
      bytes += end;
      bracket(run.trained);
      text += painted(safe(all.substr(0, end)), run);
    }
    bracket(false);
    return text;
  }

  std::string painted(const std::string& shown, const data::check::ShownRun& run) const {
    const char* paint = run.trained ? paint_.trained : run.special ? paint_.special : "";
    return fmt::format("{}{}{}{}", run.special && run.trained ? paint_.bold : "", paint, shown,
                       *paint == '\0' ? "" : paint_.end);
  }

  // Every line behind "  | ", in its colour.
  std::string with_margin(const std::string& text) const {
    const std::string margin =
        fmt::format("  {}{}{} ", paint_.soft, stderr_shows_blocks() ? "│" : "|", paint_.end);
    std::string result = margin, colour;
    for (size_t i = 0; i < text.size(); ++i) {
      if (text[i] == '\x1b') {
        const size_t end = text.find('m', i);
        const std::string code = text.substr(i, end - i + 1);
        colour = code == paint_.end ? "" : colour + code;
        result += code;
        i = end;
      } else if (text[i] == '\n') {
        if (i + 1 == text.size()) break;
        result += (colour.empty() ? "" : paint_.end) + std::string("\n") + margin + colour;
      } else {
        result += text[i];
      }
    }
    return result + (colour.empty() ? "" : paint_.end) + "\n";
  }

  const data::check::Report& report_;
  Paint paint_ = Paint::of_terminal();
};

}  // namespace

void print_check(const data::check::Report& report) { Printer(report).print(); }

}  // namespace graft::cli
