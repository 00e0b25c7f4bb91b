#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace graft::trunk {

/// What an example's rows are kept under: the first 128 bits of SHA-256 over its ids, as this
/// machine has them in memory.
struct ExampleKey {
  uint64_t high = 0, low = 0;

  friend bool operator==(const ExampleKey&, const ExampleKey&) = default;
};

ExampleKey key_of(std::span<const int32_t> ids);

struct ExampleKeyHash {
  size_t operator()(const ExampleKey& key) const { return key.low; }
};

}  // namespace graft::trunk
