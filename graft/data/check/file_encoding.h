#pragma once

#include <string>
#include <vector>

#include "graft/data/check/kind.h"
#include "graft/data/rows/text_form.h"

namespace graft::data::check {

extern const Kind kFileEncoding;

/// What is unusual about a text file: byte order marks, line ends of several kinds. Nothing for
/// what is no text: whoever reads its rows says so.
std::vector<std::string> oddities_of(const TextForm& form);

}  // namespace graft::data::check
