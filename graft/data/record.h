#pragma once

#include <cstdint>
#include <string>

namespace graft::data {

/// A line (or row) of a data set, before it is tokenized.
struct Record {
  int64_t line = 0;  // of its file, from 1
  std::string text;

  bool operator==(const Record&) const = default;
};

}  // namespace graft::data
