#pragma once

#include "graft/jinja/value.h"

// Filters of lists and mappings, and what every value has.
namespace graft::jinja::filters {

Value otherwise(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value attr(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value count(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value list(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value items(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value first(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value last(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value join(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value reversed(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value sorted(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value unique(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value sum(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value largest(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value smallest(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value mapped(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value select(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value reject(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value select_attribute(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value reject_attribute(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value grouped(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value dictsort(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value batch(Interpreter& interpreter, const Value& x, const Arguments& arguments);
Value sliced(Interpreter& interpreter, const Value& x, const Arguments& arguments);

}  // namespace graft::jinja::filters
