#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

namespace graft::cli {

/// A setting that is varied: the name of an option, with underscores, and its values, as texts.
struct GridAxis {
  std::string name;
  std::vector<std::string> values;
};

/// A value of each axis: {{"learning_rate", "1e-05"}, {"lora_rank", "8"}}.
using Combination = std::vector<std::pair<std::string, std::string>>;

/// A text in the form that all texts of the same number have: "1e-05" of "1e-5" and "0.00001"; what
/// is no number stays.
std::string one_form(const std::string& text);

/// Reads axes of the form "learning_rate=1e-5,1e-4", in which a "+" joins the elements of a value
/// that is a list, for the options of a command. Throws UsageError for an option that the command
/// does not have, that cannot be varied, that its command line gives or that has an axis already,
/// and for values that are missing or there twice. The option itself has a say in values only when
/// they are parsed.
std::vector<GridAxis> read_grid(const std::vector<std::string>& texts, const CLI::App& command);

/// All combinations; the last axis varies fastest.
std::vector<Combination> combinations_of(const std::vector<GridAxis>& grid);

/// "learning_rate=1e-05,lora_rank=8": by name, whatever the order of the axes is.
std::string name_of(const Combination& combination);

/// As arguments of the command: "--learning-rate=1e-05", "--lora-rank=8".
std::vector<std::string> arguments_of(const Combination& combination, const CLI::App& command);

}  // namespace graft::cli
