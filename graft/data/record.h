#pragma once

#include <cstdint>
#include <string>

namespace graft::data {

/// What a line (or row) of a data set says, before a model's tokenizer has seen it.
struct Record {
  int64_t line = 0;  // of its file, from 1
  std::string text;

  bool operator==(const Record&) const = default;
};

}  // namespace graft::data
