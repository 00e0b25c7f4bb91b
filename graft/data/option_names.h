#pragma once

#include <string>
#include <vector>

#include "graft/data/render_options.h"

// The words that options are given in.
namespace graft::data {

std::vector<std::string> train_on_names();
std::vector<std::string> overlong_names();

/// Throws UsageError for a word that is none of them.
tokenizer::TrainOn train_on_named(const std::string& name);
Overlong overlong_named(const std::string& name);

std::string name_of(tokenizer::TrainOn on);
std::string name_of(Overlong overlong);

}  // namespace graft::data
