#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include "graft/kernels/attention_items.h"

// How attention is cut into items, and the memory they need. Not for other callers.
namespace graft::kernels {

/// Throws Error if the shape is invalid, or a sequence is out of range or shares query rows with
/// another; with `backward`, also if two share key rows.
void check_attention(const AttentionShape& shape, std::span<const Sequence> sequences,
                     bool backward);

/// Throws Error unless each tile of keys lies in one block, and k and v have blocks of one size.
void check_blocks(const AttentionShape& shape, std::span<const Sequence> sequences,
                  const RowBlocks& k, const RowBlocks& v);

/// The forward's items, the most expensive first: every (sequence, key head, tile of queries).
std::vector<AttentionItem> forward_items(const AttentionShape& shape,
                                         std::span<const Sequence> sequences, int threads);

/// The items of one (sequence, key head) in the backward: consecutive ranges of queries of about
/// the same cost. One, unless it is so long that a thread would be left idle.
std::vector<std::vector<AttentionItem>> backward_items(const AttentionShape& shape,
                                                       std::span<const Sequence> sequences,
                                                       int threads);

/// The rows in [0, rows) that no sequence covers, as [begin, end) ranges.
enum class Side { queries, keys };
std::vector<std::pair<int64_t, int64_t>> uncovered_rows(std::span<const Sequence> sequences,
                                                        Side side, int64_t rows);

}  // namespace graft::kernels
