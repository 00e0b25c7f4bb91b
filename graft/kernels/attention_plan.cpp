#include "graft/kernels/attention_plan.h"

#include <algorithm>
#include <cmath>

#include "graft/base/error.h"

namespace graft::kernels {
namespace {

using Range = std::pair<int64_t, int64_t>;

Range range_of(const Sequence& sequence, Side side) {
  return side == Side::queries ? Range{sequence.query_begin, sequence.query_end}
                               : Range{sequence.key_begin, sequence.key_end};
}

std::vector<Range> sorted_ranges(std::span<const Sequence> sequences, Side side) {
  std::vector<Range> ranges;
  for (const Sequence& sequence : sequences) {
    Range range = range_of(sequence, side);
    if (range.first < range.second) ranges.push_back(range);
  }
  std::sort(ranges.begin(), ranges.end());
  return ranges;
}

void check_disjoint(std::span<const Sequence> sequences, Side side) {
  const auto ranges = sorted_ranges(sequences, side);
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i].first < ranges[i - 1].second) {
      fail("attention: sequences must not share {} rows, but [{}, {}) and [{}, {}) do",
           side == Side::queries ? "query" : "key", ranges[i - 1].first, ranges[i - 1].second,
           ranges[i].first, ranges[i].second);
    }
  }
}

// The most keys that a query of the sequence sees.
int64_t window_of(const AttentionShape& shape, const Sequence& sequence) {
  return shape.window == 0 ? sequence.keys() : std::min(shape.window, sequence.keys());
}

// The keys that `queries` queries see, the first `past` + 1 of them, the next one more, and so on.
double keys_of(int64_t past, int64_t queries) {
  const double hidden = static_cast<double>(std::clamp<int64_t>(-past, 0, queries));
  const double seeing = static_cast<double>(queries) - hidden;
  return seeing * static_cast<double>(std::max<int64_t>(past, 0)) + seeing * (seeing + 1) / 2;
}

// The scores of one head that the first `queries` queries need.
double cost_of(const AttentionItem& item, int64_t queries) {
  return keys_of(item.past(), queries) - keys_of(item.past() - item.window, queries);
}

// The most parts into which the backward may cut a sequence. Each part has its own sums of d_k and
// d_v for the keys that its queries see.
int64_t most_parts(const AttentionShape& shape, const AttentionItem& whole) {
  constexpr int64_t kMostBytes = int64_t{64} << 20;
  const int64_t rows = kMostBytes / (8 * operand_width(shape.head_dim));
  // Two neighbours share fewer keys than a window plus the keys that fill up a block.
  const int64_t shared = whole.window + kMaxRowBlock;
  const int64_t parts =
      std::max(rows / std::max<int64_t>(1, whole.keys()), (rows - whole.keys()) / shared);
  return std::clamp<int64_t>(parts, 1, std::max<int64_t>(1, whole.queries()));
}

}  // namespace

void check_attention(const AttentionShape& shape, std::span<const Sequence> sequences,
                     bool backward) {
  if (shape.kv_heads < 1 || shape.heads < 1 || shape.heads % shape.kv_heads != 0 ||
      shape.head_dim < 1) {
    fail(
        "attention: needs heads, a multiple of kv_heads, and head_dim above 0; found {} heads, {} "
        "kv_heads, head_dim {}",
        shape.heads, shape.kv_heads, shape.head_dim);
  }
  if (!(shape.scale > 0) || !std::isfinite(shape.scale)) {
    fail("attention: scale must be above 0 and finite, found {}", shape.scale);
  }
  if (shape.window < 0) fail("attention: window must be 0 or above, found {}", shape.window);
  if (!(shape.soft_cap >= 0) || !std::isfinite(shape.soft_cap)) {
    fail("attention: soft_cap must be 0 or above and finite, found {}", shape.soft_cap);
  }
  for (const Sequence& s : sequences) {
    if (s.query_begin < 0 || s.query_begin > s.query_end || s.query_end > shape.query_rows ||
        s.key_begin < 0 || s.key_begin > s.key_end || s.key_end > shape.key_rows) {
      fail("attention: a sequence has query rows [{}, {}) of {} and key rows [{}, {}) of {}",
           s.query_begin, s.query_end, shape.query_rows, s.key_begin, s.key_end, shape.key_rows);
    }
  }
  check_disjoint(sequences, Side::queries);
  if (backward) check_disjoint(sequences, Side::keys);
}

void check_blocks(const AttentionShape& shape, std::span<const Sequence> sequences,
                  const RowBlocks& k, const RowBlocks& v) {
  if (k.rows != v.rows) {
    fail("attention: blocks of {} keys, but of {} values", k.rows, v.rows);
  }
  if (k.rows >= shape.key_rows && k.rows > 0) return;  // one block
  if (k.rows <= 0 || k.rows % kKeyBlockRows != 0) {
    fail("attention: blocks of keys must have a multiple of {} rows, found {}", kKeyBlockRows,
         k.rows);
  }
  for (const Sequence& s : sequences) {
    if (s.key_begin % kKeyBlockRows != 0) {
      fail(
          "attention: with keys in blocks, a sequence's keys must begin at a multiple of {}, found "
          "{}",
          kKeyBlockRows, s.key_begin);
    }
  }
}

std::vector<AttentionItem> forward_items(const AttentionShape& shape,
                                         std::span<const Sequence> sequences, int threads) {
  constexpr int64_t kFewestRows = 24;  // below it, packing the keys costs more than it gains
  const int64_t group = shape.heads / shape.kv_heads;
  const auto items_with = [&](int64_t rows) {
    int64_t count = 0, step = std::max<int64_t>(1, rows / group);
    for (const Sequence& s : sequences) count += (s.queries() + step - 1) / step;
    return count * shape.kv_heads;
  };
  int64_t rows = kQueryRows;
  while (rows > kFewestRows && items_with(rows) < 4 * threads) rows /= 2;
  const int64_t step = std::max<int64_t>(1, rows / group);

  std::vector<AttentionItem> items;
  for (const Sequence& s : sequences) {
    const int64_t queries = s.queries();
    for (int64_t query = 0; query < queries; query += step) {
      AttentionItem item{s, 0, query, std::min(queries, query + step), window_of(shape, s)};
      item.cost = cost_of(item, item.query_end) - cost_of(item, item.query_begin);
      for (item.kv_head = 0; item.kv_head < shape.kv_heads; ++item.kv_head) items.push_back(item);
    }
  }
  std::stable_sort(items.begin(), items.end(),
                   [](const auto& a, const auto& b) { return a.cost > b.cost; });
  return items;
}

std::vector<std::vector<AttentionItem>> backward_items(const AttentionShape& shape,
                                                       std::span<const Sequence> sequences,
                                                       int threads) {
  std::vector<AttentionItem> wholes;
  double total = 0;
  for (const Sequence& s : sequences) {
    AttentionItem item{s, 0, 0, s.queries(), window_of(shape, s)};
    item.cost = cost_of(item, item.query_end);
    total += item.cost * static_cast<double>(shape.kv_heads);
    for (item.kv_head = 0; item.kv_head < shape.kv_heads; ++item.kv_head) wholes.push_back(item);
  }
  std::vector<std::vector<AttentionItem>> result;
  for (const AttentionItem& whole : wholes) {
    const double share = total / (2.0 * threads);
    int64_t parts = 1;
    if (threads > 1 && whole.cost > share) {
      parts = static_cast<int64_t>(std::ceil(whole.cost / share));
      parts = std::min(parts, most_parts(shape, whole));
    }
    std::vector<AttentionItem> items;
    int64_t begin = 0;
    for (int64_t part = 1; part <= parts; ++part) {
      const double until = whole.cost * static_cast<double>(part) / static_cast<double>(parts);
      int64_t low = begin, high = whole.query_end;
      while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (cost_of(whole, middle) < until) {
          low = middle + 1;
        } else {
          high = middle;
        }
      }
      AttentionItem item = whole;
      item.query_begin = begin;
      item.query_end = part == parts ? whole.query_end : high;
      item.cost = cost_of(whole, item.query_end) - cost_of(whole, begin);
      begin = item.query_end;
      if (item.queries() > 0 || parts == 1) items.push_back(item);
    }
    result.push_back(std::move(items));
  }
  return result;
}

std::vector<std::pair<int64_t, int64_t>> uncovered_rows(std::span<const Sequence> sequences,
                                                        Side side, int64_t rows) {
  std::vector<Range> gaps;
  int64_t done = 0;
  for (const Range& range : sorted_ranges(sequences, side)) {
    if (range.first > done) gaps.push_back({done, range.first});
    done = std::max(done, range.second);
  }
  if (done < rows) gaps.push_back({done, rows});
  return gaps;
}

}  // namespace graft::kernels
