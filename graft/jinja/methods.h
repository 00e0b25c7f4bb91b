#pragma once

#include <string_view>

#include "graft/jinja/value.h"

namespace graft::jinja {

/// Whether Python's type has a method of this name: it then hides a dict's key.
bool has_method(const Value& x, std::string_view name);

/// x.name(arguments) of a string, a list, a tuple, a dict or a number. Throws for methods that
/// would change x, as the sandbox does, and for unsupported ones, by name.
Value call_method(Interpreter& interpreter, const Value& x, std::string_view name,
                  const Arguments& arguments);

}  // namespace graft::jinja
