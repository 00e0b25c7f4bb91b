#include "graft/jinja/expressions.h"

#include <algorithm>

#include "graft/jinja/interpreter.h"
#include "graft/jinja/operations.h"
#include "graft/jinja/print.h"

namespace graft::jinja {
namespace {

bool holds(Interpreter& interpreter, CompareOperator op, const Value& x, const Value& y) {
  switch (op) {
    case CompareOperator::equal:
      return interpreter.equal(x, y);
    case CompareOperator::unequal:
      return !interpreter.equal(x, y);
    case CompareOperator::less:
      return interpreter.compare(x, y) < 0;
    case CompareOperator::less_equal:
      return interpreter.compare(x, y) <= 0;
    case CompareOperator::greater:
      return interpreter.compare(x, y) > 0;
    case CompareOperator::greater_equal:
      return interpreter.compare(x, y) >= 0;
    case CompareOperator::in:
      return interpreter.contains(y, x);
    default:
      return !interpreter.contains(y, x);
  }
}

bool is_hashable(const Value& x) {
  return x.dict() == nullptr && (x.list() == nullptr || x.is_tuple());
}

}  // namespace

Arguments CallArguments::evaluate(Interpreter& interpreter) const {
  Arguments result;
  for (const auto& argument : positional) {
    result.positional.push_back(argument->evaluate(interpreter));
  }
  for (const auto& [name, argument] : named) {
    result.named.emplace_back(name, argument->evaluate(interpreter));
  }
  if (rest != nullptr) {
    for (Value& item : items_of(rest->evaluate(interpreter))) {
      result.positional.push_back(std::move(item));
    }
  }
  if (named_rest != nullptr) {
    const Value mapping = named_rest->evaluate(interpreter);
    if (mapping.dict() == nullptr) refuse("what follows ** is not a mapping");
    for (const auto& [key, value] : mapping.dict()->items()) {
      result.named.emplace_back(string_of(key, "a name of an argument"), value);
    }
  }
  return result;
}

Value Name::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  return interpreter.lookup(name);
}

Value Sequence::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  List values;
  for (const auto& item : items) values.push_back(item->evaluate(interpreter));
  return tuple ? Value::tuple(std::move(values)) : Value(std::move(values));
}

Value DictDisplay::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  Dict dict;
  for (const auto& [key, value] : items) {
    Value name = key->evaluate(interpreter);
    if (!is_hashable(name)) refuse("unhashable type: '{}'", type_name(name));
    dict.set(std::move(name), value->evaluate(interpreter));
  }
  return dict;
}

Value Attribute::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  return interpreter.attribute(object->evaluate(interpreter), name);
}

Value Subscript::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  const Value x = object->evaluate(interpreter);
  return interpreter.subscript(x, key->evaluate(interpreter));
}

Value Slice::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  const Value x = object->evaluate(interpreter);
  const auto value = [&](const ExpressionPtr& bound) {
    return bound == nullptr ? Value() : bound->evaluate(interpreter);
  };
  const Value from = value(begin), to = value(end), by = value(step);
  if (const auto size = length(x)) interpreter.step(1 + *size / 16);
  return slice(x, &from, &to, &by);
}

Value Call::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  const Value function = callee->evaluate(interpreter);
  return interpreter.call(function, arguments.evaluate(interpreter));
}

Value Filter::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  return apply(interpreter, object->evaluate(interpreter));
}

Value Filter::apply(Interpreter& interpreter, const Value& x) const {
  interpreter.charge(x);
  Value result = function(interpreter, x, arguments.evaluate(interpreter));
  interpreter.charge(result);
  return result;
}

Value Test::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  const Value x = object->evaluate(interpreter);
  return function(interpreter, x, arguments.evaluate(interpreter)) != negated;
}

Value Unary::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  const Value value = x->evaluate(interpreter);
  if (op == UnaryOperator::negation) return !truth(value);
  if (op == UnaryOperator::negative) return negative(value);
  if (!defined(value).is_number()) refuse("bad operand type for unary +: '{}'", type_name(value));
  if (const auto integer = value.integer()) return *integer;
  return value;
}

Value Binary::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  Value left = x->evaluate(interpreter);
  const Value right = y->evaluate(interpreter);
  return apply(interpreter, op, std::move(left), right);
}

Value Logical::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  Value left = x->evaluate(interpreter);
  return truth(left) == all ? y->evaluate(interpreter) : left;
}

Value Concatenation::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  std::string text;
  for (const auto& item : items) {
    text += to_string(item->evaluate(interpreter));
    interpreter.produced(text.size());
  }
  interpreter.step(1 + static_cast<int64_t>(text.size() / 16));
  return text;
}

Value Comparison::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  Value left = first->evaluate(interpreter);
  for (const auto& [op, expression] : rest) {
    Value right = expression->evaluate(interpreter);
    if (!holds(interpreter, op, left, right)) return false;
    left = std::move(right);
  }
  return true;
}

Value Conditional::evaluate(Interpreter& interpreter) const {
  interpreter.step();
  if (truth(test->evaluate(interpreter))) return yes->evaluate(interpreter);
  if (no != nullptr) return no->evaluate(interpreter);
  return Undefined{"the inline if-expression has no else and its condition is false"};
}

}  // namespace graft::jinja
