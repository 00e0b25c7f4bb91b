#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "cli/taken_options.h"
#include "graft/base/front_end.h"
#include "graft/io/yaml.h"

namespace graft::cli {

/// The settings that mlx_lm.lora has (0.32.2, mlx_lm/lora.py) and `graft lora` has not as options.
std::vector<std::string> mlx_lm_setting_names();

/// Whether the entries are mlx-lm's: one of them is a setting that it alone has.
bool are_mlx_lm_settings(const std::vector<io::YamlEntry>& entries);

/// What the command line says of an option, by its name; nothing if it is not given there.
using GivenOption = std::function<std::optional<std::string>(const std::string& name)>;

/// Turns mlx-lm's settings into graft's options, with mlx-lm's meaning: every linear layer where
/// no keys are given, numbers of layers below 1 for all of them, and, with
/// grad_accumulation_steps, counts of batches into counts of steps, which is noted. Throws
/// UsageError, which begins with `file` and the line, for a setting that graft cannot follow.
std::vector<TakenOption> from_mlx_lm(const std::vector<io::YamlEntry>& entries,
                                     const std::string& file, const GivenOption& given,
                                     FrontEnd& front_end);

}  // namespace graft::cli
