#pragma once

#include <cstddef>
#include <cstdint>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

#include "graft/data/example.h"

namespace graft::data {

/// What there is in a set of examples.
struct Totals {
  int64_t tokens = 0;
  int64_t longest = 0;         // tokens of the longest example
  int64_t trained = 0;         // targets that weigh anything
  std::vector<bool> ids = {};  // by id: whether it occurs
  uint64_t hash = 0;           // over tokens and weights, in order

  bool operator==(const Totals&) const = default;
};

/// Where an example lies in the arrays of a set: its tokens and runs begin where those of the one
/// before it end.
struct ExampleEntry {
  uint64_t ids_end, runs_end;
  int64_t line;
  uint64_t file;
};

/// The arrays of a set that lie elsewhere, in a mapped file, say.
struct ExampleArrays {
  std::span<const int32_t> ids;
  std::span<const WeightRun> runs;
  std::span<const ExampleEntry> entries;
};

/// A sequence of examples: flat arrays, of its own or in a file. A copy of one in a file shares it.
class Examples {
 public:
  Examples();
  /// Those in arrays that `owner` keeps. Throws Error if the entries do not fit them.
  Examples(ExampleArrays arrays, Totals totals, std::shared_ptr<const void> owner);

  /// Appends to a set that has arrays of its own. Throws std::logic_error if it has not.
  void push_back(const Example& example);

  /// Drops its examples and goes on with their totals: they are kept elsewhere. For a set that has
  /// arrays of its own.
  void forget();
  /// Puts examples in front that were forgotten.
  void recall(ExampleArrays earlier);

  size_t size() const { return arrays().entries.size(); }
  bool empty() const { return size() == 0; }
  ExampleView operator[](size_t i) const;
  /// Its tokens, without a look at them.
  int64_t length(size_t i) const;

  /// What its arrays take.
  size_t bytes() const;

  const Totals& totals() const { return totals_; }
  ExampleArrays arrays() const;

  class Iterator {
   public:
    Iterator(const Examples* set, size_t at) : set_(set), at_(at) {}
    ExampleView operator*() const { return (*set_)[at_]; }
    Iterator& operator++() {
      ++at_;
      return *this;
    }
    bool operator!=(const Iterator& other) const { return at_ != other.at_; }

   private:
    const Examples* set_;
    size_t at_;
  };
  Iterator begin() const { return {this, 0}; }
  Iterator end() const { return {this, size()}; }

 private:
  std::vector<int32_t> ids_;
  std::vector<WeightRun> runs_;
  std::vector<ExampleEntry> entries_;
  ExampleArrays elsewhere_;
  std::shared_ptr<const void> owner_;
  Totals totals_;
};

}  // namespace graft::data
