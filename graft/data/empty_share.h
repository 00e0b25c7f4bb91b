#pragma once

#include <string>

#include "graft/data/source.h"

namespace graft::data {

/// A share of a source's rows by their hashes, of which none is in it.
class EmptyShare {
 public:
  /// `source` has to live as long.
  explicit EmptyShare(const Source& source) : source_(source) {}

  /// ": ...", which share of how many rows it is, and which one would do. Reads the rows.
  std::string why_none() const;

 private:
  const Source& source_;
};

}  // namespace graft::data
