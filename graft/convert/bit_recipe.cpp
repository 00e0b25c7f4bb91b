#include "graft/convert/bit_recipe.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "graft/base/error.h"

namespace graft::convert {
namespace {

struct Recipe {
  std::string_view name;
  int low, high;
};
constexpr Recipe kRecipes[] = {
    {"mixed_2_6", 2, 6}, {"mixed_3_4", 3, 4}, {"mixed_3_6", 3, 6}, {"mixed_4_6", 4, 6}};

const Recipe* recipe(std::string_view name) {
  const auto* found = std::find_if(std::begin(kRecipes), std::end(kRecipes),
                                   [&](const Recipe& r) { return r.name == name; });
  return found == std::end(kRecipes) ? nullptr : found;
}

bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::vector<std::string_view> parts_between_dots(std::string_view path) {
  std::vector<std::string_view> parts;
  for (size_t dot = path.find('.'); dot != std::string_view::npos; dot = path.find('.')) {
    parts.push_back(path.substr(0, dot));
    path.remove_prefix(dot + 1);
  }
  parts.push_back(path);
  return parts;
}

std::optional<int> number(std::string_view text) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value < 0) return std::nullopt;
  return value;
}

}  // namespace

std::string BitRecipe::names() { return "mixed_2_6, mixed_3_4, mixed_3_6 or mixed_4_6"; }

bool BitRecipe::is_name(std::string_view name) { return recipe(name) != nullptr; }

BitRecipe::BitRecipe(std::string_view name, const std::vector<std::string>& tensors)
    : low_(recipe(name)->low), high_(recipe(name)->high) {
  const auto down = std::find_if(tensors.begin(), tensors.end(),
                                 [](const std::string& t) { return contains(t, "down_proj"); });
  if (down == tensors.end()) {
    fail("`quant_predicate` {} is for models whose layers have a down_proj, which this has not",
         name);
  }
  const auto parts = parts_between_dots(*down);
  while (layer_at_ + 1 < parts.size() && !number(parts[layer_at_])) ++layer_at_;
  for (const std::string& tensor : tensors) {
    if (const auto layer = layer_of(tensor)) layers_ = std::max(layers_, *layer + 1);
  }
}

std::optional<int> BitRecipe::layer_of(std::string_view path) const {
  const auto parts = parts_between_dots(path);
  return parts.size() > layer_at_ ? number(parts[layer_at_]) : std::nullopt;
}

int BitRecipe::bits_of(const std::string& path) const {
  const int layer = layer_of(path).value_or(0), eighth = layers_ / 8;
  const bool sensitive = layer < eighth || layer >= 7 * layers_ / 8 || (layer - eighth) % 3 == 2;
  const bool values =
      contains(path, "v_proj") || contains(path, "v_a_proj") || contains(path, "v_b_proj");
  if (sensitive && (values || contains(path, "down_proj"))) return high_;
  return contains(path, "lm_head") ? high_ : low_;
}

}  // namespace graft::convert
