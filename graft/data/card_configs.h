#pragma once

#include <map>
#include <string>
#include <vector>

namespace graft::data {

/// One of the `configs` in the YAML of a data set's card: which files its splits are.
struct CardConfig {
  std::string name;
  bool is_default = false;
  std::map<std::string, std::vector<std::string>> patterns = {};  // by split, as the card names it
};

/// The configs of a card that name files. None if it has none; broken YAML counts as none.
/// Source: the Hub's documentation of manual configuration.
std::vector<CardConfig> card_configs(const std::string& card);

/// The config that is meant: the one of this name, or, without a name, the default or only one.
/// Throws Error naming those that there are.
const CardConfig& chosen_config(const std::vector<CardConfig>& configs, const std::string& name);

/// The files that a config's split is, among a data set's, sorted; `split` as the card names it, or
/// "train", "valid" or "test" for any of their names where it has none so called. Patterns are the
/// shell's, ** goes through folders.
std::vector<std::string> files_of_config(const CardConfig& config, const std::string& split,
                                         const std::vector<std::string>& names);

}  // namespace graft::data
