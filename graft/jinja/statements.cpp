#include "graft/jinja/statements.h"

#include <algorithm>

#include "graft/jinja/interpreter.h"
#include "graft/jinja/print.h"

namespace graft::jinja {
namespace {

// Runs `work`; an error that names no line gets this one.
template <class Work>
auto on_line(int line, Work&& work) {
  try {
    return work();
  } catch (const TemplateError& error) {
    if (std::string_view(error.what()).starts_with("line ")) throw;
    refuse("line {}: {}", line, error.what());
  }
}

// ---- loops

class Loop : public Object, public std::enable_shared_from_this<Loop> {
 public:
  Loop(const For& node, List all, std::shared_ptr<Scope> scope, int depth)
      : items(std::move(all)), node_(node), scope_(std::move(scope)), depth_(depth) {}

  std::optional<Value> attribute(Interpreter&, std::string_view name) override {
    const auto count = static_cast<int64_t>(items.size());
    if (name == "index") return Value(at + 1);
    if (name == "index0") return Value(at);
    if (name == "revindex") return Value(count - at);
    if (name == "revindex0") return Value(count - at - 1);
    if (name == "first") return Value(at == 0);
    if (name == "last") return Value(at + 1 == count);
    if (name == "length") return Value(count);
    if (name == "depth") return Value(int64_t{depth_ + 1});
    if (name == "depth0") return Value(int64_t{depth_});
    if (name == "previtem") {
      if (at == 0) return Value(Undefined{"there is no previous item"});
      return items[static_cast<size_t>(at - 1)];
    }
    if (name == "nextitem") {
      if (at + 1 >= count) return Value(Undefined{"there is no next item"});
      return items[static_cast<size_t>(at + 1)];
    }
    if (name == "cycle") {
      return function("cycle", [self = shared_from_this()](Interpreter&, const Arguments& choices) {
        if (choices.positional.empty()) refuse("no items for cycling given");
        return choices.positional[static_cast<size_t>(self->at) % choices.positional.size()];
      });
    }
    if (name == "changed") {
      return function(
          "changed", [self = shared_from_this()](Interpreter& interpreter, const Arguments& x) {
            Value value = Value::tuple(x.positional);
            const bool same = self->changed_ && interpreter.equal(*self->changed_, value);
            self->changed_ = std::move(value);
            return Value(!same);
          });
    }
    return {};
  }

  bool is_callable() const override { return node_.recursive; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override;
  std::string type_name() const override { return "LoopContext"; }
  void release() override {
    items.clear();
    scope_.reset();
    changed_.reset();
  }

  List items;
  int64_t at = 0;

 private:
  const For& node_;
  std::shared_ptr<Scope> scope_;
  int depth_;
  std::optional<Value> changed_;
};

// The items that pass the loop's condition, each assigned to the loop's target first.
List filtered(Interpreter& interpreter, const For& node, List items) {
  if (node.condition == nullptr) return items;
  List passed;
  for (Value& item : items) {
    const bool passes = interpreter.in_scope(interpreter.scope(), [&] {
      interpreter.step();
      node.target.assign(interpreter, item);
      return truth(node.condition->evaluate(interpreter));
    });
    if (passes) passed.push_back(std::move(item));
  }
  return passed;
}

Flow run_loop(Interpreter& interpreter, const For& node, List items, int depth) {
  const std::shared_ptr<Scope> outer = interpreter.scope();
  const auto loop = interpreter.make_object<Loop>(
      node, filtered(interpreter, node, std::move(items)), outer, depth);
  for (; loop->at < static_cast<int64_t>(loop->items.size()); ++loop->at) {
    const Value item = loop->items[static_cast<size_t>(loop->at)];
    const Flow flow = interpreter.in_scope(outer, [&] {
      interpreter.step();
      interpreter.set("loop", std::shared_ptr<Object>(loop));
      node.target.assign(interpreter, item);
      return interpreter.iterated(item, [&] { return node.body.run(interpreter); });
    });
    if (flow == Flow::break_loop) break;
  }
  if (loop->items.empty()) {
    return interpreter.in_scope(outer, [&] { return node.otherwise.run(interpreter); });
  }
  return Flow::next;
}

Value Loop::call(Interpreter& interpreter, const Arguments& arguments) {
  if (arguments.positional.size() != 1 || !arguments.named.empty()) {
    refuse("loop() takes the items of the next level");
  }
  return interpreter.captured([&] {
    interpreter.in_scope(scope_, [&] {
      return run_loop(interpreter, node_, interpreter.items(arguments.positional[0]), depth_ + 1);
    });
  });
}

// ---- macros

class MacroObject : public Object {
 public:
  MacroObject(const MacroDefinition& definition, std::shared_ptr<Scope> scope)
      : definition_(definition), scope_(std::move(scope)) {}

  std::optional<Value> attribute(Interpreter&, std::string_view name) override {
    if (name == "name") return Value(definition_.name);
    return {};
  }
  bool is_callable() const override { return true; }
  std::string type_name() const override { return "Macro " + definition_.name; }
  void release() override { scope_.reset(); }

  Value call(Interpreter& interpreter, const Arguments& arguments) override {
    return interpreter.in_scope(scope_, [&] {
      bind(interpreter, arguments);
      return Value(interpreter.captured([&] { definition_.body.run(interpreter); }));
    });
  }

 private:
  void bind(Interpreter& interpreter, const Arguments& arguments) const {
    const auto& parameters = definition_.parameters;
    std::vector<const Value*> values(parameters.size());
    List varargs;
    for (size_t i = 0; i < arguments.positional.size(); ++i) {
      if (i < values.size()) {
        values[i] = &arguments.positional[i];
      } else if (definition_.uses_varargs) {
        varargs.push_back(arguments.positional[i]);
      } else {
        refuse("macro '{}' takes not more than {} arguments", definition_.name, values.size());
      }
    }
    Dict kwargs;
    Value caller = Undefined{"'caller' is undefined: the macro was not called by a call block"};
    for (const auto& [name, value] : arguments.named) {
      const auto known = std::find_if(parameters.begin(), parameters.end(),
                                      [&name = name](const auto& p) { return p.first == name; });
      if (known != parameters.end()) {
        const Value*& place = values[static_cast<size_t>(known - parameters.begin())];
        if (place != nullptr) {
          refuse("macro '{}' has two values for '{}'", definition_.name, name);
        }
        place = &value;
      } else if (name == "caller" && definition_.uses_caller) {
        caller = value;
      } else if (definition_.uses_kwargs) {
        kwargs.set(name, value);
      } else {
        refuse("macro '{}' takes no keyword argument '{}'", definition_.name, name);
      }
    }
    for (size_t i = 0; i < parameters.size(); ++i) {
      const auto& [name, otherwise] = parameters[i];
      if (values[i] != nullptr) {
        interpreter.set(name, *values[i]);
      } else if (otherwise != nullptr) {
        interpreter.set(name, otherwise->evaluate(interpreter));
      } else {
        interpreter.set(name, Undefined{fmt::format("parameter '{}' was not provided", name)});
      }
    }
    if (definition_.uses_caller) interpreter.set("caller", std::move(caller));
    if (definition_.uses_varargs) interpreter.set("varargs", Value::tuple(std::move(varargs)));
    if (definition_.uses_kwargs) interpreter.set("kwargs", std::move(kwargs));
  }

  const MacroDefinition& definition_;
  std::shared_ptr<Scope> scope_;
};

// The output of a block's body, passed through the block's filters.
Value filtered_text(Interpreter& interpreter, const std::vector<FilterPtr>& filters,
                    const Body& body) {
  Value x(interpreter.captured(
      [&] { interpreter.in_scope(interpreter.scope(), [&] { return body.run(interpreter); }); }));
  for (const FilterPtr& filter : filters) x = filter->apply(interpreter, x);
  return x;
}

}  // namespace

Flow Body::run(Interpreter& interpreter) const {
  for (const StatementPtr& statement : statements) {
    const Flow flow = on_line(statement->line, [&] {
      interpreter.step();
      return statement->run(interpreter);
    });
    if (flow != Flow::next) return flow;
  }
  return Flow::next;
}

void Target::assign(Interpreter& interpreter, const Value& value) const {
  if (is_tuple) {
    const List values = interpreter.items(defined(value));
    if (values.size() != items.size()) {
      refuse("cannot unpack {} values into {} names", values.size(), items.size());
    }
    for (size_t i = 0; i < items.size(); ++i) items[i].assign(interpreter, values[i]);
  } else if (!attribute.empty()) {
    Object* object = interpreter.lookup(name).object();
    if (object == nullptr || !object->set_attribute(attribute, value)) {
      refuse("cannot assign an attribute of '{}', which is no namespace", name);
    }
  } else {
    interpreter.set(name, value);
  }
}

Flow Text::run(Interpreter& interpreter) const {
  interpreter.write(text);
  return Flow::next;
}

Flow Print::run(Interpreter& interpreter) const {
  const Value x = value->evaluate(interpreter);
  if (const std::string* string = x.string()) {
    interpreter.write(*string);
  } else {
    interpreter.write(to_string(x));
  }
  return Flow::next;
}

Flow If::run(Interpreter& interpreter) const {
  for (const auto& [test, body] : branches) {
    if (truth(test->evaluate(interpreter))) return body.run(interpreter);
  }
  return otherwise.run(interpreter);
}

Flow For::run(Interpreter& interpreter) const {
  const auto run = [&] {
    return run_loop(interpreter, *this, interpreter.items(items->evaluate(interpreter)), 0);
  };
  return recursive ? interpreter.collected(run) : run();
}

Flow Set::run(Interpreter& interpreter) const {
  target.assign(interpreter, value->evaluate(interpreter));
  return Flow::next;
}

Flow SetBlock::run(Interpreter& interpreter) const {
  target.assign(interpreter, filtered_text(interpreter, filters, body));
  return Flow::next;
}

Flow FilterBlock::run(Interpreter& interpreter) const {
  interpreter.write(to_string(filtered_text(interpreter, filters, body)));
  return Flow::next;
}

Flow Macro::run(Interpreter& interpreter) const {
  interpreter.set(definition.name, std::shared_ptr<Object>(interpreter.make_object<MacroObject>(
                                       definition, interpreter.scope())));
  return Flow::next;
}

Flow CallBlock::run(Interpreter& interpreter) const {
  const Value function = call->callee->evaluate(interpreter);
  Arguments arguments = call->arguments.evaluate(interpreter);
  arguments.named.emplace_back(
      "caller",
      std::shared_ptr<Object>(interpreter.make_object<MacroObject>(caller, interpreter.scope())));
  interpreter.write(to_string(interpreter.call(function, arguments)));
  return Flow::next;
}

Flow With::run(Interpreter& interpreter) const {
  std::vector<Value> computed;  // in the outer scope
  for (const auto& [target, value] : values) computed.push_back(value->evaluate(interpreter));
  return interpreter.in_scope(interpreter.scope(), [&] {
    for (size_t i = 0; i < values.size(); ++i) values[i].first.assign(interpreter, computed[i]);
    return body.run(interpreter);
  });
}

Flow Generation::run(Interpreter& interpreter) const {
  return interpreter.generated([&] {
    return interpreter.in_scope(interpreter.scope(), [&] { return body.run(interpreter); });
  });
}

}  // namespace graft::jinja
