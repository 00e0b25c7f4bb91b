#pragma once

#include <string>
#include <vector>

namespace graft::data {

/// The files of a split among a data set's: as its card's configs say, where it has any, else by
/// their names (split_files). `config` names a config, or, without a card, the folder of one. Empty
/// if there are none. Throws Error as chosen_config and split_files do.
std::vector<std::string> choose_split(const std::vector<std::string>& names,
                                      const std::string& card, const std::string& config,
                                      const std::string& split);

}  // namespace graft::data
