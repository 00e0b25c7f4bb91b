#include "graft/data/split_choice.h"

#include "graft/data/card_configs.h"
#include "graft/data/splits.h"

namespace graft::data {

std::vector<std::string> choose_split(const std::vector<std::string>& names,
                                      const std::string& card, const std::string& config,
                                      const std::string& split) {
  const std::vector<CardConfig> configs = card_configs(card);
  if (!configs.empty()) return files_of_config(chosen_config(configs, config), split, names);
  if (config.empty()) return split_files(names, split);
  std::vector<std::string> own, files;
  for (const std::string& name : names) {
    if (name.starts_with(config + "/")) own.push_back(name.substr(config.size() + 1));
  }
  for (const std::string& file : split_files(own, split)) files.push_back(config + "/" + file);
  return files;
}

}  // namespace graft::data
