#pragma once

#include <CLI/CLI.hpp>

// Checks of numeric options, whose messages a person can read.
namespace graft::cli {

/// At least 1.
CLI::Validator positive();

/// At least 0, and finite.
CLI::Validator not_negative();

/// Above 0, and finite.
CLI::Validator above_zero();

/// A whole number from 1 to `most`.
CLI::Validator count_up_to(int most);

/// At least 1, or -1 for all.
CLI::Validator count_or_all();

/// A whole number from 0 to 2^64 - 1.
CLI::Validator seed();

/// From `least` to `most`; unlike CLI::Range not NaN.
CLI::Validator number_between(double least, double most);

/// What a flag can be set to: "true" or "false", among other words for them.
CLI::Validator boolean();

/// Neither infinite nor NaN.
CLI::Validator finite();

}  // namespace graft::cli
