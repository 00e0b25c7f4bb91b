#pragma once

#include <cstdint>
#include <optional>

#include "graft/jinja/expressions.h"
#include "graft/jinja/value.h"

namespace graft::jinja {

/// x op y, as in Python: for numbers, + and * of strings and lists, and % of a format. Throws for
/// other types, division by zero, and integers beyond 64 bits.
Value apply(Interpreter& interpreter, BinaryOperator op, Value x, const Value& y);

Value negative(const Value& x);

/// x[begin:end:step]; null is None.
Value slice(const Value& x, const Value* begin, const Value* end, const Value* step);

/// x[index] of a list, a tuple or a string, from the end if the index is negative.
std::optional<Value> item_at(const Value& x, int64_t index);

}  // namespace graft::jinja
