#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace graft::convert {

/// mlx-lm's recipes for models of mixed bits ("mixed_3_6": 3 and 6): the head, and in the first and
/// the last eighth of the layers and in every third of those between them the projections to values
/// and down, get the higher number of bits, and all else the lower one.
class BitRecipe {
 public:
  /// "mixed_2_6, mixed_3_4, mixed_3_6 or mixed_4_6".
  static std::string names();
  static bool is_name(std::string_view name);

  /// `tensors` are the names of all tensors, from which follows how many layers there are. Throws
  /// Error if none of them is of a projection down: the recipes are for models that have some.
  BitRecipe(std::string_view name, const std::vector<std::string>& tensors);

  /// The bits of the layer at `path`.
  int bits_of(const std::string& path) const;

 private:
  // The number in a name at the place of the layer's, if one is there.
  std::optional<int> layer_of(std::string_view path) const;

  int low_, high_;
  size_t layer_at_ = 0;  // which of a path's parts between dots is the number of the layer
  int layers_ = 0;
};

}  // namespace graft::convert
