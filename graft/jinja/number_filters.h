#pragma once

#include "graft/jinja/value.h"

// Filters of numbers.
namespace graft::jinja::filters {

Value to_integer(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value to_real(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value rounded(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value absolute(Interpreter& interpreter, const Value& x, const Arguments& arguments);

}  // namespace graft::jinja::filters
