#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "graft/jinja/expressions.h"

namespace graft::jinja {

/// How a statement ended.
enum class Flow { next, break_loop, continue_loop };

class Statement {
 public:
  explicit Statement(int its_line) : line(its_line) {}
  virtual ~Statement() = default;
  virtual Flow run(Interpreter& interpreter) const = 0;

  const int line;
};
using StatementPtr = std::unique_ptr<Statement>;

struct Body {
  std::vector<StatementPtr> statements;
  Flow run(Interpreter& interpreter) const;
};

/// What is assigned to: a name, an attribute of a namespace, or a tuple of targets.
struct Target {
  std::string name;
  std::string attribute;      // or empty
  std::vector<Target> items;  // of a tuple, without a name
  bool is_tuple = false;
  void assign(Interpreter& interpreter, const Value& value) const;
};

struct Text : Statement {
  Text(int its_line, std::string its_text) : Statement(its_line), text(std::move(its_text)) {}
  Flow run(Interpreter& interpreter) const override;
  std::string text;
};

struct Print : Statement {
  Print(int its_line, ExpressionPtr its_value) : Statement(its_line), value(std::move(its_value)) {}
  Flow run(Interpreter& interpreter) const override;
  ExpressionPtr value;
};

struct If : Statement {
  using Statement::Statement;
  Flow run(Interpreter& interpreter) const override;
  std::vector<std::pair<ExpressionPtr, Body>> branches;
  Body otherwise;
};

struct For : Statement {
  using Statement::Statement;
  Flow run(Interpreter& interpreter) const override;
  Target target;
  ExpressionPtr items;
  ExpressionPtr condition;  // or null
  Body body, otherwise;
  bool recursive = false;
};

struct Set : Statement {
  Set(int its_line, Target its_target, ExpressionPtr its_value)
      : Statement(its_line), target(std::move(its_target)), value(std::move(its_value)) {}
  Flow run(Interpreter& interpreter) const override;
  Target target;
  ExpressionPtr value;
};

using FilterPtr = std::unique_ptr<Filter>;

struct SetBlock : Statement {
  using Statement::Statement;
  Flow run(Interpreter& interpreter) const override;
  Target target;
  std::vector<FilterPtr> filters;
  Body body;
};

struct FilterBlock : Statement {
  using Statement::Statement;
  Flow run(Interpreter& interpreter) const override;
  std::vector<FilterPtr> filters;
  Body body;
};

/// The parameters and the body of a macro, or of a call block (whose body the macro calls).
struct MacroDefinition {
  std::string name;
  std::vector<std::pair<std::string, ExpressionPtr>> parameters;  // with a default, or null
  Body body;
  bool uses_varargs = false, uses_kwargs = false, uses_caller = false;
};

struct Macro : Statement {
  using Statement::Statement;
  Flow run(Interpreter& interpreter) const override;
  MacroDefinition definition;
};

struct CallBlock : Statement {
  using Statement::Statement;
  Flow run(Interpreter& interpreter) const override;
  MacroDefinition caller;
  std::unique_ptr<Call> call;
};

struct With : Statement {
  using Statement::Statement;
  Flow run(Interpreter& interpreter) const override;
  std::vector<std::pair<Target, ExpressionPtr>> values;
  Body body;
};

/// {% generation %}, around what the model is to say.
struct Generation : Statement {
  using Statement::Statement;
  Flow run(Interpreter& interpreter) const override;
  Body body;
};

struct Break : Statement {
  using Statement::Statement;
  Flow run(Interpreter&) const override { return Flow::break_loop; }
};

struct Continue : Statement {
  using Statement::Statement;
  Flow run(Interpreter&) const override { return Flow::continue_loop; }
};

}  // namespace graft::jinja
