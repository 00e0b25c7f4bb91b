#pragma once

#include <string_view>

#include "graft/jinja/statements.h"

namespace graft::jinja {

/// The statements of a template (valid UTF-8). Throws TemplateError, with the line and the column,
/// for text that is not Jinja, and for unsupported features, by name.
Body parse(std::string_view source);

}  // namespace graft::jinja
