#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/jinja/value.h"

namespace graft::jinja {

class Interpreter;

/// A node of a parsed expression.
class Expression {
 public:
  explicit Expression(int its_line) : line(its_line) {}
  virtual ~Expression() = default;
  virtual Value evaluate(Interpreter& interpreter) const = 0;

  const int line;
};
using ExpressionPtr = std::unique_ptr<Expression>;

struct CallArguments {
  std::vector<ExpressionPtr> positional;
  std::vector<std::pair<std::string, ExpressionPtr>> named;
  ExpressionPtr rest, named_rest;  // *rest, **named_rest; or null

  Arguments evaluate(Interpreter& interpreter) const;
};

struct Literal : Expression {
  Literal(int its_line, Value its_value) : Expression(its_line), value(std::move(its_value)) {}
  Value evaluate(Interpreter&) const override { return value; }
  Value value;
};

struct Name : Expression {
  Name(int its_line, std::string its_name) : Expression(its_line), name(std::move(its_name)) {}
  Value evaluate(Interpreter& interpreter) const override;
  std::string name;
};

struct Sequence : Expression {
  Sequence(int its_line, std::vector<ExpressionPtr> its_items, bool its_tuple)
      : Expression(its_line), items(std::move(its_items)), tuple(its_tuple) {}
  Value evaluate(Interpreter& interpreter) const override;
  std::vector<ExpressionPtr> items;
  bool tuple;
};

struct DictDisplay : Expression {
  using Expression::Expression;
  Value evaluate(Interpreter& interpreter) const override;
  std::vector<std::pair<ExpressionPtr, ExpressionPtr>> items;
};

struct Attribute : Expression {
  Attribute(int its_line, ExpressionPtr its_object, std::string its_name)
      : Expression(its_line), object(std::move(its_object)), name(std::move(its_name)) {}
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr object;
  std::string name;
};

struct Subscript : Expression {
  Subscript(int its_line, ExpressionPtr its_object, ExpressionPtr its_key)
      : Expression(its_line), object(std::move(its_object)), key(std::move(its_key)) {}
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr object, key;
};

struct Slice : Expression {
  Slice(int its_line, ExpressionPtr its_object)
      : Expression(its_line), object(std::move(its_object)) {}
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr object;
  ExpressionPtr begin, end, step;  // or null
};

struct Call : Expression {
  Call(int its_line, ExpressionPtr its_callee, CallArguments its_arguments)
      : Expression(its_line), callee(std::move(its_callee)), arguments(std::move(its_arguments)) {}
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr callee;
  CallArguments arguments;
};

using FilterFunction = Value (*)(Interpreter& interpreter, const Value& x,
                                 const Arguments& arguments);
using TestFunction = bool (*)(Interpreter& interpreter, const Value& x, const Arguments& arguments);

/// Without `object`, it applies to the text of a filter block.
struct Filter : Expression {
  Filter(int its_line, ExpressionPtr its_object, FilterFunction its_function,
         CallArguments its_arguments)
      : Expression(its_line),
        object(std::move(its_object)),
        function(its_function),
        arguments(std::move(its_arguments)) {}
  Value evaluate(Interpreter& interpreter) const override;
  Value apply(Interpreter& interpreter, const Value& x) const;
  ExpressionPtr object;
  FilterFunction function;
  CallArguments arguments;
};

struct Test : Expression {
  Test(int its_line, ExpressionPtr its_object, TestFunction its_function,
       CallArguments its_arguments, bool its_negated)
      : Expression(its_line),
        object(std::move(its_object)),
        function(its_function),
        arguments(std::move(its_arguments)),
        negated(its_negated) {}
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr object;
  TestFunction function;
  CallArguments arguments;
  bool negated;
};

enum class UnaryOperator { negative, positive, negation };

struct Unary : Expression {
  Unary(int its_line, UnaryOperator its_op, ExpressionPtr its_x)
      : Expression(its_line), op(its_op), x(std::move(its_x)) {}
  Value evaluate(Interpreter& interpreter) const override;
  UnaryOperator op;
  ExpressionPtr x;
};

enum class BinaryOperator { add, subtract, multiply, divide, floor_divide, modulo, power };

struct Binary : Expression {
  Binary(int its_line, BinaryOperator its_op, ExpressionPtr its_x, ExpressionPtr its_y)
      : Expression(its_line), op(its_op), x(std::move(its_x)), y(std::move(its_y)) {}
  Value evaluate(Interpreter& interpreter) const override;
  BinaryOperator op;
  ExpressionPtr x, y;
};

struct Logical : Expression {
  Logical(int its_line, bool its_all, ExpressionPtr its_x, ExpressionPtr its_y)
      : Expression(its_line), all(its_all), x(std::move(its_x)), y(std::move(its_y)) {}
  Value evaluate(Interpreter& interpreter) const override;
  bool all;  // and; else or
  ExpressionPtr x, y;
};

struct Concatenation : Expression {
  Concatenation(int its_line, std::vector<ExpressionPtr> its_items)
      : Expression(its_line), items(std::move(its_items)) {}
  Value evaluate(Interpreter& interpreter) const override;
  std::vector<ExpressionPtr> items;
};

enum class CompareOperator { equal, unequal, less, less_equal, greater, greater_equal, in, not_in };

/// x op y op z ...: true if each holds.
struct Comparison : Expression {
  Comparison(int its_line, ExpressionPtr its_first)
      : Expression(its_line), first(std::move(its_first)) {}
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr first;
  std::vector<std::pair<CompareOperator, ExpressionPtr>> rest;
};

struct Conditional : Expression {
  Conditional(int its_line, ExpressionPtr its_test, ExpressionPtr its_yes, ExpressionPtr its_no)
      : Expression(its_line),
        test(std::move(its_test)),
        yes(std::move(its_yes)),
        no(std::move(its_no)) {}
  Value evaluate(Interpreter& interpreter) const override;
  ExpressionPtr test, yes, no;  // no: or null
};

}  // namespace graft::jinja
