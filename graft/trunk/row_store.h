#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/trunk/row_file.h"

namespace graft::trunk {

/// Where examples' rows are kept: in memory while there is room, and in a file if there is one.
class RowStore {
 public:
  /// `memory`: bytes at most. Without a file they are in memory alone. A file grows to
  /// `most_bytes`, and not into the last gigabyte of its disk.
  RowStore(size_t memory, std::unique_ptr<RowFile> file, uint64_t most_bytes, FrontEnd& front_end);

  /// Whether it has an example's rows.
  bool has(const ExampleKey& key) const;
  /// An example's rows, if they are there. Says once that some were damaged.
  bool read(const ExampleKey& key, std::span<std::byte> rows);
  /// Keeps them, as far as there is room. What fails is said once; the run goes on without.
  void keep(const ExampleKey& key, std::span<const std::byte> rows);

  /// Examples that were there, and that were not, of all that were asked for by `read`.
  int64_t found() const { return found_; }
  int64_t missed() const { return missed_; }

 private:
  void keep_in_memory(const ExampleKey& key, std::span<const std::byte> rows);
  void keep_in_file(const ExampleKey& key, std::span<const std::byte> rows);
  bool has_room(uint64_t bytes);

  size_t memory_;
  std::unique_ptr<RowFile> file_;
  uint64_t most_bytes_;
  FrontEnd& front_end_;
  std::unordered_map<ExampleKey, std::vector<std::byte>, ExampleKeyHash> kept_;
  bool writes_ = true, said_damaged_ = false;
  uint64_t room_ = 0;  // bytes that the disk is known to have
  int64_t found_ = 0, missed_ = 0;
};

}  // namespace graft::trunk
