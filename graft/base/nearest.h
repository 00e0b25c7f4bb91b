#pragma once

#include <string>
#include <vector>

namespace graft {

/// The choice that `word` may be meant to be, by the number of typing mistakes between them, or ""
/// if none is near.
std::string nearest(const std::string& word, const std::vector<std::string>& choices);

/// What to do about a word that is none of the choices: "did you mean adamw? there are adam, adamw,
/// sgd", without the question if none is near.
std::string choices_for(const std::string& word, const std::vector<std::string>& choices);

}  // namespace graft
