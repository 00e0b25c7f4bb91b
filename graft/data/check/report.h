#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graft/data/check/kind.h"
#include "graft/data/check/lengths.h"
#include "graft/data/check/shown_record.h"

namespace graft::data::check {

/// Where a record, or what should be one, stands.
struct Place {
  uint32_t file = 0;  // of Report::files
  int64_t line = 0;   // from 1; 0: the file itself
};

struct Problem {
  Place place;
  std::string detail;
  std::optional<Place> other = {};  // the record that it is like
};

/// The problems of a kind.
struct ProblemList {
  const Kind* kind;
  std::vector<int64_t> counts = {};  // by Report::sources
  std::vector<Problem> listed = {};  // the first ones

  int64_t count() const;
};

/// What becomes of the records of a source at a training, by a tokenizer.
struct TokenCounts {
  int64_t examples = 0;  // two of a preference
  int64_t trained = 0;   // tokens
  int64_t longer = 0;    // examples of more than max_seq_length tokens
  int64_t beyond = 0;    // tokens of them beyond it
};

/// A source of a split.
struct SourceReport {
  std::string split;  // "train"
  std::string name;   // of its file, or its folder and how many files
  std::vector<std::string> files = {};
  std::string format = {}, fields = {};  // "chat", "messages"; empty: none was known
  int64_t records = 0;                   // that could be read
  int64_t broken = 0;                    // that could not
  int64_t compared = 0;                  // preferences and labelled answers
  LengthSummary lengths = {};            // of examples in tokens, or of records in characters
  TokenCounts tokens = {};               // with a tokenizer
};

struct Report {
  bool has_tokens = false;  // whether there was a tokenizer
  int64_t max_seq_length = 0;
  std::vector<std::string> files = {};
  std::vector<SourceReport> sources = {};
  std::vector<ProblemList> problems = {};  // those that were found, in the order of their checks
  std::vector<ShownRecord> shown = {};

  int64_t problem_count() const;
  std::string place_text(const Place& place) const;
};

/// What is to be said of a source whose records are checked but not trained on; else empty.
std::string not_trained_on(const SourceReport& source);

/// "1,234,567".
std::string grouped(int64_t number);

}  // namespace graft::data::check
