#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace graft {

/// MLX's ways to quantize a weight, by its names. Neighbours of a row form groups, which share a
/// scale.
///
/// affine: integers; w = q * scale + bias, with a bias for each group. The others are numbers of
/// few bits, w = q * scale, with a scale of 8 bits and no bias: mxfp4 and mxfp8 are E2M1 and E4M3
/// in groups of 32 whose scale is a power of two, E8M0 (OCP Microscaling Formats 1.0); nvfp4 is
/// E2M1 in groups of 16 whose scale is E4M3.
enum class QuantizationMode { affine, mxfp4, mxfp8, nvfp4 };

inline constexpr QuantizationMode kQuantizationModes[] = {
    QuantizationMode::affine, QuantizationMode::mxfp4, QuantizationMode::mxfp8,
    QuantizationMode::nvfp4};

std::string_view name_of(QuantizationMode mode);
/// Nothing if MLX has no such mode.
std::optional<QuantizationMode> quantization_mode(std::string_view name);
/// "affine, mxfp4, mxfp8 or nvfp4".
std::string quantization_mode_names();

/// Whether each group has a bias; then scales and biases are floating-point numbers as MLX's arrays
/// have them, else scales are bytes.
inline bool has_biases(QuantizationMode mode) { return mode == QuantizationMode::affine; }

/// What MLX and mlx-lm take where nothing else is said.
int default_bits(QuantizationMode mode);
int default_group_size(QuantizationMode mode);

/// The bits and the group sizes that MLX has in a mode, the default first: 2, 3, 4, 5, 6 and 8 in
/// groups of 32, 64 or 128 for affine, one of each for the others.
std::span<const int> bits_of(QuantizationMode mode);
std::span<const int> group_sizes_of(QuantizationMode mode);
bool has_bits(QuantizationMode mode, int bits);
bool has_group_size(QuantizationMode mode, int group_size);
/// The same in words: "2, 3, 4, 5, 6 or 8".
std::string_view bits_text(QuantizationMode mode);
std::string_view group_sizes_text(QuantizationMode mode);

/// How a weight is stored, for people: "4 bits in groups of 64", or the name of a mode that says it
/// all.
std::string quantization_text(QuantizationMode mode, int bits, int group_size);

}  // namespace graft
