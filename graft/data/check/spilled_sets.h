#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>
#include <span>
#include <vector>

namespace graft::data::check {

/// Sets of numbers, in a file without a name that goes with it: a million of them are not to be in
/// memory. One thread adds; then several may read.
class SpilledSets {
 public:
  /// Throws Error if the folder for temporary files has no place for it.
  SpilledSets();

  void push_back(std::span<const uint32_t> set);
  /// After the last push_back. Throws Error if the disk is full.
  void finish();

  size_t size() const { return ends_.size(); }
  size_t size_of(size_t i) const;
  /// Throws Error.
  std::vector<uint32_t> operator[](size_t i) const;

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };

  std::unique_ptr<std::FILE, Close> file_;
  std::vector<uint64_t> ends_;  // in numbers
};

}  // namespace graft::data::check
