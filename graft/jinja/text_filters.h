#pragma once

#include "graft/jinja/value.h"

// Filters of strings.
namespace graft::jinja::filters {

Value string(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value lower_case(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value upper_case(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value capitalize(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value center(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value trim(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value replace(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value format(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value indent(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value title(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value truncate(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value escaped(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value wordcount(Interpreter& interpreter, const Value& x, const Arguments& arguments);
/// tojson, as transformers has it: no character is escaped for HTML.
Value json(Interpreter& interpreter, const Value& x, const Arguments& arguments);

}  // namespace graft::jinja::filters
