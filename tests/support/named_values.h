#pragma once

#include <mlx/array.h>

#include <cmath>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/base/hash.h"
#include "graft/io/json.h"
#include "graft/io/safetensors.h"

namespace graft::testing {

namespace mx = mlx::core;

/// `count` numbers in [-1, 1) that follow from a name: `values` of scripts/fixtures/optimizers.py.
inline std::vector<float> named_numbers(const std::string& name, size_t count) {
  const uint64_t seed = fnv1a(name);
  std::vector<float> numbers;
  for (uint64_t i = 0; i < count; ++i) {
    numbers.push_back(static_cast<float>(split_mix(seed + i) >> 40) / 0x1p23f - 1.0f);
  }
  return numbers;
}

/// The values of a tensor of this name: `values` of scripts/fixtures/tiny_families.py.
inline mx::array named_values(const std::string& name, const mx::Shape& shape) {
  size_t count = 1;
  for (int size : shape) count *= static_cast<size_t>(size);
  const auto last = static_cast<double>(shape.back());
  std::vector<float> values;
  for (const float u : named_numbers(name, count)) {
    if (name.ends_with("bias")) {
      values.push_back(u * 0.5f);
    } else if (shape.size() == 1) {
      values.push_back(0.6f + 0.4f * u);
    } else if (name.find("embed_tokens") != std::string::npos) {
      values.push_back(1.2f * u);
    } else if (name.ends_with("lora_b")) {
      values.push_back(0.2f * u);
    } else {
      values.push_back(static_cast<float>(2 / std::sqrt(last)) * u);
    }
  }
  return mx::array(values.begin(), shape, mx::float32);
}

/// Makes `folder` a checkpoint of a fixture's config.json and tensors.json.
inline void write_named_checkpoint(const fs::path& fixture, const fs::path& folder) {
  fs::copy_file(fixture / "config.json", folder / "config.json");
  std::map<std::string, mx::array> tensors;
  const json shapes = io::read_json_object(fixture / "tensors.json");
  for (const auto& [name, shape] : shapes.items()) {
    const auto sizes = shape.get<std::vector<int>>();
    tensors.insert({name, named_values(name, mx::Shape(sizes.begin(), sizes.end()))});
  }
  io::save_safetensors(folder / "model.safetensors", tensors, {{"format", "pt"}});
}

}  // namespace graft::testing
