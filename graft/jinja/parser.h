#pragma once

#include <string_view>

#include "graft/jinja/statements.h"

namespace graft::jinja {

/// The statements of a template (valid UTF-8). Throws TemplateError with the line and the column of
/// what is no Jinja, and of what is not supported, by name.
Body parse(std::string_view source);

}  // namespace graft::jinja
