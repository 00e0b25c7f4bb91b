#pragma once

#include <string>

#include "graft/data/check/report.h"

namespace graft::data::check {

/// A report as one page of HTML that needs nothing beside it, and runs no script.
std::string page_of(const Report& report);

/// A text for HTML, in which it can be neither an element nor an attribute's end; control
/// characters are escaped as printable() does.
std::string html_text(std::string_view text);

}  // namespace graft::data::check
