#include "graft/base/quantization_mode.h"

#include <fmt/format.h>

#include <algorithm>

namespace graft {
namespace {

constexpr int kAffineBits[] = {4, 2, 3, 5, 6, 8}, kAffineGroups[] = {64, 32, 128};
constexpr int kFour[] = {4}, kEight[] = {8}, kGroupsOf32[] = {32}, kGroupsOf16[] = {16};

struct Mode {
  QuantizationMode mode;
  std::string_view name;
  std::span<const int> bits, group_sizes;  // the default first
  std::string_view bits_text, group_sizes_text;
};

constexpr Mode kModes[] = {
    {QuantizationMode::affine, "affine", kAffineBits, kAffineGroups, "2, 3, 4, 5, 6 or 8",
     "32, 64 or 128"},
    {QuantizationMode::mxfp4, "mxfp4", kFour, kGroupsOf32, "4", "32"},
    {QuantizationMode::mxfp8, "mxfp8", kEight, kGroupsOf32, "8", "32"},
    {QuantizationMode::nvfp4, "nvfp4", kFour, kGroupsOf16, "4", "16"},
};

const Mode& of(QuantizationMode mode) { return kModes[static_cast<size_t>(mode)]; }

bool contains(std::span<const int> all, int one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

}  // namespace

std::string_view name_of(QuantizationMode mode) { return of(mode).name; }

std::optional<QuantizationMode> quantization_mode(std::string_view name) {
  for (const Mode& mode : kModes) {
    if (mode.name == name) return mode.mode;
  }
  return std::nullopt;
}

std::string quantization_mode_names() { return "affine, mxfp4, mxfp8 or nvfp4"; }

std::span<const int> bits_of(QuantizationMode mode) { return of(mode).bits; }
std::span<const int> group_sizes_of(QuantizationMode mode) { return of(mode).group_sizes; }

int default_bits(QuantizationMode mode) { return bits_of(mode)[0]; }
int default_group_size(QuantizationMode mode) { return group_sizes_of(mode)[0]; }

bool has_bits(QuantizationMode mode, int bits) { return contains(bits_of(mode), bits); }
bool has_group_size(QuantizationMode mode, int size) {
  return contains(group_sizes_of(mode), size);
}

std::string_view bits_text(QuantizationMode mode) { return of(mode).bits_text; }
std::string_view group_sizes_text(QuantizationMode mode) { return of(mode).group_sizes_text; }

std::string quantization_text(QuantizationMode mode, int bits, int group_size) {
  if (mode != QuantizationMode::affine) return std::string(name_of(mode));
  return fmt::format("{} bits in groups of {}", bits, group_size);
}

}  // namespace graft
