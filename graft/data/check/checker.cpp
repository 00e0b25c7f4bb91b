#include "graft/data/check/checker.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/thread_pool.h"
#include "graft/data/check/analysis.h"
#include "graft/data/check/file_encoding.h"
#include "graft/data/check/same_records.h"
#include "graft/data/check/secrets.h"
#include "graft/data/row_blocks.h"

namespace graft::data::check {
namespace {

const Kind kUnreadable = {"unreadable_file", "files that cannot be read, or not to their end",
                          "a training stops here"};
const Kind kNoRecords = {"no_records", "sources without a record", "a training refuses them"};
const Kind kDuplicate = {"duplicate", "duplicates within a split",
                         "equal but for white space: they count as often as they are there"};
const Kind kDuplicateBetween = {"duplicate_between_splits", "duplicates between splits",
                                "what was trained on measures nothing: leave them out of one"};
const Kind kNearDuplicate = {
    "near_duplicate", "near duplicates within a split",
    "of their runs of three words 80 % or more are the same (Jaccard index)"};
const Kind kNearBetween = {"near_duplicate_between_splits", "near duplicates between splits",
                           "of their runs of three words 80 % or more are the same"};
const Kind kContradiction = {"contradiction", "records that contradict each other",
                             "the same prompt, and another answer"};

// In the order in which they are reported.
std::vector<const Kind*> all_kinds() {
  std::vector<const Kind*> kinds = {&kUnreadable, &kNoRecords, &kBrokenRecord};
  for (const RecordCheck* check : record_checks()) kinds.push_back(&check->kind);
  for (const Kind* kind :
       {&kRefused, &kBeyondVocabulary, &kUnwrittenCalls, &kUntrained, &kTooLong, &kDuplicateBetween,
        &kNearBetween, &kDuplicate, &kNearDuplicate, &kContradiction, &kFileEncoding}) {
    kinds.push_back(kind);
  }
  return kinds;
}

class Problems {
 public:
  Problems(size_t sources, size_t listed) : listed_(listed) {
    for (const Kind* kind : all_kinds()) {
      index_[kind] = lists_.size();
      lists_.push_back({.kind = kind, .counts = std::vector<int64_t>(sources, 0)});
    }
  }

  void add(const Kind& kind, size_t source, Problem problem) {
    ProblemList& list = lists_[index_.at(&kind)];
    ++list.counts[source];
    if (list.listed.size() < listed_) list.listed.push_back(std::move(problem));
  }

  std::vector<ProblemList> finish() {
    std::erase_if(lists_, [](const ProblemList& list) { return list.count() == 0; });
    return std::move(lists_);
  }

 private:
  size_t listed_;
  std::map<const Kind*, size_t> index_;
  std::vector<ProblemList> lists_;
};

std::string name_of(const Source& source) {
  if (source.files.size() == 1) return source.files.front().name;
  const std::string folder = fs::path(source.files.front().name).parent_path().string();
  return fmt::format("{} ({} files)", folder.empty() ? "." : folder, source.files.size());
}

// A message without the place that it begins with, which is said beside it.
std::string without_place(std::string message, const std::string& place) {
  if (message.starts_with(place + ": ")) message.erase(0, place.size() + 2);
  return message;
}

class Checking {
 public:
  Checking(const std::vector<CheckedSplit>& splits, const CheckOptions& options,
           FrontEnd& front_end)
      : splits_(splits),
        options_(options),
        front_end_(front_end),
        analyzer_(options.encoder),
        problems_(count_sources(), options.listed) {
    report_.has_tokens = options.encoder != nullptr;
    if (options.encoder != nullptr)
      report_.max_seq_length = options.encoder->options().max_seq_length;
  }

  Report run() {
    size_t done = 0;
    for (size_t i = 0; i < splits_.size(); ++i) {
      for (const Source& source : splits_[i].sources) {
        begin_source(static_cast<uint32_t>(i), source);
        const double all = static_cast<double>(count_sources());
        share_begin_ = static_cast<double>(done++) / all;
        share_ = 1 / all;
        read_source(source);
        its().lengths = lengths_.summary();
        if (its().records == 0) {
          problems_.add(kNoRecords, this->source(),
                        {{file_number(source.files.front()), 0}, "no record of it can be read"});
        }
      }
    }
    add_matches(comparison_.finish([&](double share) {
      front_end_.progress({{share, {fmt::format("comparing {} records", comparison_.size())}}});
      front_end_.check_cancelled();
    }));
    front_end_.progress({});
    report_.problems = problems_.finish();
    return std::move(report_);
  }

 private:
  size_t count_sources() const {
    size_t count = 0;
    for (const CheckedSplit& split : splits_) count += split.sources.size();
    return count;
  }

  size_t source() const { return report_.sources.size() - 1; }
  SourceReport& its() { return report_.sources.back(); }

  void begin_source(uint32_t split, const Source& source) {
    split_ = split;
    format_ = nullptr;
    lengths_ = {};
    shown_ = 0;
    report_.sources.push_back({.split = splits_[split].name, .name = name_of(source)});
    for (const DataFile& file : source.files) its().files.push_back(file.name);
  }

  // File by file, so that one that cannot be read does not hide the others; a slice counts the rows
  // of all of them.
  void read_source(const Source& source) {
    if (!source.slice.is_all()) return read_rows_of(source);
    const double all = static_cast<double>(source.files.size());
    const double begin = share_begin_, whole = share_;
    for (size_t i = 0; i < source.files.size(); ++i) {
      Source part = source;
      part.files = {source.files[i]};
      share_begin_ = begin + whole * static_cast<double>(i) / all;
      share_ = whole / all;
      read_rows_of(part);
    }
  }

  uint32_t file_number(const DataFile& file) {
    const auto [place, added] =
        file_numbers_.try_emplace(file.name, static_cast<uint32_t>(report_.files.size()));
    if (added) report_.files.push_back(file.name);
    return place->second;
  }

  void read_rows_of(const Source& source) {
    RowBlock block;
    std::optional<std::string> stopped;
    std::vector<TextForm> forms;
    try {
      RowBlocks blocks(source, &forms);
      while (blocks.next(block)) {
        add(source, block);
        block.rows.clear();
        show(fmt::format("{} records", comparison_.size()), blocks.done());
      }
    } catch (const Cancelled&) {
      throw;
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      stopped = error.what();
    }
    for (size_t i = 0; i < forms.size(); ++i) {
      for (std::string& oddity : oddities_of(forms[i])) {
        problems_.add(kFileEncoding, this->source(),
                      {{file_number(source.files[i]), 0}, std::move(oddity)});
      }
    }
    if (!stopped) return;
    const DataFile& file = block.rows.empty() ? source.files.front() : source.files[block.file];
    if (!block.rows.empty()) add(source, block);  // those before it
    problems_.add(kUnreadable, this->source(), unreadable(file, *stopped));
  }

  // The message without the file and the line that it begins with.
  Problem unreadable(const DataFile& file, const std::string& message) {
    Problem problem{{file_number(file), 0}, without_secrets(message)};
    if (!message.starts_with(file.name)) return problem;
    std::string_view rest = std::string_view(message).substr(file.name.size());
    if (rest.starts_with(":")) {
      char* end = nullptr;
      problem.place.line = std::max<int64_t>(0, std::strtoll(rest.data() + 1, &end, 10));
      if (problem.place.line > 0) rest = end;
    }
    const size_t first = rest.find_first_not_of(": ");
    if (first != std::string_view::npos) problem.detail = without_secrets(rest.substr(first));
    return problem;
  }

  // The format of a source is that of its first record that has any.
  void find_format(const Source& source, const RowBlock& block) {
    for (size_t i = 0; format_ == nullptr && i < block.rows.size(); ++i) {
      try {
        format_ = &format_of(block.reader->parse(block.rows[i]), source.keys, block.place_of(i));
        its().format = format_->name;
        its().fields = format_->fields;
      } catch (const Error&) {
      }
    }
  }

  void add(const Source& source, const RowBlock& block) {
    if (format_ == nullptr) find_format(source, block);
    const bool showing = split_ == 0 || report_.shown.empty();
    const size_t first_shown = showing ? options_.shown - std::min(shown_, options_.shown) : 0;
    std::vector<Analysis> all(block.rows.size());
    run_parts(std::ssize(block.rows), [&](int64_t part, int) {
      const auto i = static_cast<size_t>(part);
      all[i] = analyzer_.analyze(*block.reader, block.rows[i], format_, source.keys,
                                 block.place_of(i), i < first_shown);
    });
    const uint32_t file = file_number(source.files[block.file]);
    for (size_t i = 0; i < all.size(); ++i) {
      append({file, block.rows[i].line}, block.place_of(i), std::move(all[i]));
    }
  }

  void append(const Place& place, const std::string& where, Analysis analysis) {
    for (auto& [kind, detail] : analysis.problems) {
      problems_.add(*kind, source(), {place, without_place(std::move(detail), where)});
    }
    if (analysis.broken) {
      ++its().broken;
      return;
    }
    ++its().records;
    its().compared += analysis.is_compared ? 1 : 0;
    for (const ExampleSize& example : analysis.examples) {
      lengths_.add(example.length);
      if (options_.encoder == nullptr) continue;
      TokenCounts& tokens = its().tokens;
      ++tokens.examples;
      tokens.trained += example.trained;
      const int64_t beyond = example.length - report_.max_seq_length;
      tokens.longer += beyond > 0 ? 1 : 0;
      tokens.beyond += std::max<int64_t>(beyond, 0);
    }
    comparison_.add({analysis.digest, split_}, analysis.shingles, analysis.bands);
    places_.push_back(place);
    owners_.push_back(static_cast<uint32_t>(source()));
    if (analysis.shown.empty()) return;
    ++shown_;
    report_.shown.push_back({report_.files[place.file], place.line, std::move(analysis.shown)});
  }

  void add_matches(const Matches& matches) {
    const auto add = [&](const Kind& kind, const std::vector<Match>& all, auto&& detail) {
      for (const Match& match : all) {
        problems_.add(kind, owners_[match.record],
                      {places_[match.record], detail(match), places_[match.earlier]});
      }
    };
    const auto equal = [](const Match&) { return std::string("as"); };
    const auto near = [](const Match& match) {
      return fmt::format("{:.0f} % as", 100 * match.jaccard);
    };
    const auto contradicts = [](const Match&) { return std::string("answers otherwise than"); };
    add(kDuplicateBetween, matches.equal_between, equal);
    add(kNearBetween, matches.near_between, near);
    add(kDuplicate, matches.equal, equal);
    add(kNearDuplicate, matches.near, near);
    add(kContradiction, matches.contradictions, contradicts);
  }

  void show(const std::string& what, double share) {
    front_end_.progress({{share_begin_ + share_ * share, {its().name, what}}});
    front_end_.check_cancelled();
  }

  const std::vector<CheckedSplit>& splits_;
  const CheckOptions& options_;
  FrontEnd& front_end_;
  Analyzer analyzer_;
  Report report_;
  Problems problems_;
  RecordComparison comparison_;
  std::vector<Place> places_;     // by record
  std::vector<uint32_t> owners_;  // its source
  std::map<std::string, uint32_t> file_numbers_;
  double share_begin_ = 0, share_ = 1;  // of the source that is being read
  uint32_t split_ = 0;
  const RecordFormat* format_ = nullptr;
  Lengths lengths_;
  size_t shown_ = 0;
};

}  // namespace

Report check(const std::vector<CheckedSplit>& splits, const CheckOptions& options,
             FrontEnd& front_end) {
  return Checking(splits, options, front_end).run();
}

}  // namespace graft::data::check
