#include "graft/data/empty_share.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "graft/data/row_blocks.h"

namespace graft::data {
namespace {

struct Hashes {
  int64_t rows = 0;
  double least = 1, most = 0;
};

Hashes hashes_of(Source source) {
  source.hashes = {};
  Hashes all;
  RowBlocks blocks(source);
  for (RowBlock block; blocks.next(block);) {
    for (const RawRow& row : block.rows) {
      const double place = hash_place(row.text);
      all.least = std::min(all.least, place);
      all.most = std::max(all.most, place);
    }
    all.rows += std::ssize(block.rows);
  }
  return all;
}

// The shortest share that leaves rows below it and from it on: near the least hash for rows below
// it, else near the largest.
std::optional<double> share_between(const Hashes& all, bool below) {
  for (double scale = 100; scale <= 1e6; scale *= 10) {
    const double share =
        below ? (std::floor(all.least * scale) + 1) / scale : std::floor(all.most * scale) / scale;
    if (share > all.least && share <= all.most) return share;
  }
  return {};
}

}  // namespace

std::string EmptyShare::why_none() const {
  const Hashes all = hashes_of(source_);
  if (all.rows == 0) return "";
  const bool below = source_.hashes.begin <= 0;  // it is what is set aside
  std::string why =
      below ? fmt::format(": none of {} records is in the share {} that `valid_split` sets aside",
                          all.rows, source_.hashes.end)
            : fmt::format(": `valid_split` {} leaves none of {} records", source_.hashes.begin,
                          all.rows);
  const auto share = share_between(all, below);
  return why + (share ? fmt::format("; {} would do", *share) : "; no share divides them");
}

}  // namespace graft::data
