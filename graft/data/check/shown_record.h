#pragma once

#include <string>
#include <vector>

#include "graft/data/encoder.h"

namespace graft::data::check {

/// Tokens in a row that are alike.
struct ShownRun {
  std::string text;
  bool trained = false;
  bool special = false;
};

/// A record as a model sees it, or, without a model, its texts.
struct ShownExample {
  std::string name = {};  // "chosen", "rejected"; or empty
  std::vector<ShownRun> runs = {};
  int64_t tokens = 0, trained = 0;
};

struct ShownRecord {
  std::string file;
  int64_t line = 0;
  std::vector<ShownExample> examples = {};
};

/// An example in words, without secrets.
ShownExample shown(const Example& example, const tokenizer::Tokenizer& tokenizer);

/// Runs with keys and passwords in them masked.
std::vector<ShownRun> masked(std::vector<ShownRun> runs);

}  // namespace graft::data::check
