#pragma once

#include <string_view>

#include "graft/jinja/statements.h"

namespace graft::jinja {

struct ParsedTemplate {
  Body body;
  bool has_generation;  ///< it has {% generation %} blocks
};

/// The statements of a template (valid UTF-8). Throws TemplateError, with the line and the column,
/// for text that is not Jinja, and for unsupported features, by name.
ParsedTemplate parse(std::string_view source);

}  // namespace graft::jinja
