#pragma once

#include <mlx/array.h>

#include <functional>
#include <map>
#include <string>
#include <utility>

namespace graft::lora {

namespace mx = mlx::core;

/// A tensor of an adapter file. Its numbers are loaded only when its name and shape are known to
/// fit: a small file can claim to hold gigabytes.
struct AdapterTensor {
  mx::Shape shape;
  std::function<mx::array()> load;

  AdapterTensor(mx::Shape its_shape, std::function<mx::array()> how)
      : shape(std::move(its_shape)), load(std::move(how)) {}
  /// One that is in memory.
  AdapterTensor(const mx::array& values)  // NOLINT(google-explicit-constructor)
      : shape(values.shape()), load([values] { return values; }) {}
};

/// The numbers of all.
std::map<std::string, mx::array> loaded(const std::map<std::string, AdapterTensor>& tensors);

}  // namespace graft::lora
