#include "graft/jinja/interpreter.h"

#include <algorithm>
#include <cstdlib>

#include "graft/jinja/comparison.h"
#include "graft/jinja/methods.h"
#include "graft/jinja/operations.h"
#include "graft/jinja/print.h"

namespace graft::jinja {
namespace {

class Generator : public Object {
 public:
  explicit Generator(List items) : items_(std::move(items)) {}
  std::optional<List> take_items() override { return std::exchange(items_, {}); }
  std::string type_name() const override { return "generator"; }

 private:
  List items_;
};

class Function : public Object {
 public:
  using Body = std::function<Value(Interpreter&, const Arguments&)>;
  Function(std::string name, Body body) : name_(std::move(name)), body_(std::move(body)) {}
  bool is_callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override {
    return body_(interpreter, arguments);
  }
  std::string type_name() const override { return "function " + name_; }

 private:
  std::string name_;
  Body body_;
};

}  // namespace

const Value* Scope::find(std::string_view name) const {
  for (const Scope* scope = this; scope != nullptr; scope = scope->parent.get()) {
    for (const auto& [key, value] : scope->values) {
      if (key == name) return &value;
    }
  }
  return nullptr;
}

void Scope::set(std::string_view name, Value value) {
  for (auto& [key, old] : values) {
    if (key == name) {
      old = std::move(value);
      return;
    }
  }
  values.emplace_back(std::string(name), std::move(value));
}

Interpreter::Interpreter(std::shared_ptr<Scope> globals, const Limits& limits,
                         OutputRecorder* recorder)
    : limits_(limits),
      recorder_(recorder),
      stack_begin_(static_cast<const char*>(__builtin_frame_address(0))),
      scope_(std::make_shared<Scope>(std::move(globals))) {}

Interpreter::~Interpreter() {
  for (const auto& object : objects_) {
    if (const auto alive = object.lock()) alive->release();
  }
}

Value Interpreter::lookup(std::string_view name) const {
  if (const Value* value = scope_->find(name)) return *value;
  return Undefined{fmt::format("'{}' is undefined", name)};
}

void Interpreter::write(std::string_view text) {
  produced(output_.size() + text.size());
  step(static_cast<int64_t>(text.size() / 16));
  output_ += text;
}

void Interpreter::step(int64_t count) {
  steps_ += count;
  const char* here = static_cast<const char*>(__builtin_frame_address(0));
  if (std::abs(stack_begin_ - here) > limits_.stack) refuse("the template nests too deep");
  if (steps_ > limits_.steps) refuse("the template takes more than {} steps", limits_.steps);
}

void Interpreter::produced(size_t size) {
  if (size > static_cast<size_t>(limits_.bytes)) {
    refuse("the template makes more than {} bytes", limits_.bytes);
  }
}

void Interpreter::charge(const Value& x) {
  if (const std::string* text = x.string()) {
    produced(text->size());
    step(static_cast<int64_t>(text->size() / 16));
  } else if (const auto size = length(x)) {
    step(*size);
  }
}

void Interpreter::charge_search(std::string_view text, std::string_view wanted) {
  // Both are at most limits_.bytes long: their product fits.
  step(1 + static_cast<int64_t>(text.size() * std::min(text.size(), wanted.size()) / 64));
}

bool Interpreter::equal(const Value& x, const Value& y) {
  int64_t work = 0;
  const bool result = jinja::equal(x, y, work);
  step(work);
  return result;
}

int Interpreter::compare(const Value& x, const Value& y) {
  int64_t work = 0;
  const int result = jinja::compare(x, y, work);
  step(work);
  return result;
}

bool Interpreter::contains(const Value& y, const Value& x) {
  if (const std::string* text = y.string()) {
    const std::string& wanted = string_of(x, "the left side of 'in'");
    charge_search(*text, wanted);
    return text->find(wanted) != std::string::npos;
  }
  if (const Dict* dict = y.dict()) {
    charge(x);
    return dict->find(x) != nullptr;
  }
  const List items = this->items(y);
  return std::any_of(items.begin(), items.end(), [&](const Value& item) { return equal(item, x); });
}

List Interpreter::items(const Value& x) {
  if (const auto size = length(x)) step(*size);
  return items_of(x);
}

Value Interpreter::attribute(const Value& x, std::string_view name) {
  defined(x);
  if (Object* object = x.object()) {
    if (auto value = object->attribute(*this, name)) return std::move(*value);
  } else if (has_method(x, name)) {
    return function(std::string(name), [x, name = std::string(name)](Interpreter& interpreter,
                                                                     const Arguments& arguments) {
      return call_method(interpreter, x, name, arguments);
    });
  } else if (const Dict* dict = x.dict()) {
    if (const Value* value = dict->find(name)) return *value;
  }
  return Undefined{fmt::format("'{} object' has no attribute '{}'", type_name(x), name)};
}

Value Interpreter::subscript(const Value& x, const Value& key) {
  defined(x);
  if (const Dict* dict = x.dict()) {
    charge(key);
    if (const Value* value = dict->find(key)) return *value;
  } else if (const auto index = key.integer()) {
    if (x.string() != nullptr) step(static_cast<int64_t>(x.string()->size() / 16));
    if (auto value = item_at(x, *index)) return std::move(*value);
    return Undefined{fmt::format("{} object has no element {}", type_name(x), *index)};
  }
  if (const std::string* name = key.string()) return attribute(x, *name);
  return Undefined{fmt::format("{} object has no element {}", type_name(x), to_string(key))};
}

Value Interpreter::call(const Value& callee, const Arguments& arguments) {
  defined(callee);
  Object* object = callee.object();
  if (object == nullptr || !object->is_callable()) {
    refuse("'{}' object is not callable", type_name(callee));
  }
  Value result = object->call(*this, arguments);
  charge(result);
  return result;
}

Parameters::Parameters(std::string_view function, const Arguments& arguments,
                       std::vector<std::string_view> names)
    : function_(function) {
  if (arguments.positional.size() > names.size()) {
    refuse("{} takes {} arguments at most, not {}", function, names.size(),
           arguments.positional.size());
  }
  for (size_t i = 0; i < arguments.positional.size(); ++i) {
    values_.emplace_back(names[i], &arguments.positional[i]);
  }
  for (const auto& [name, value] : arguments.named) {
    const auto known = std::find(names.begin(), names.end(), name);
    if (known == names.end()) refuse("{} takes no argument '{}'", function, name);
    if (find(name) != nullptr) refuse("{} has two values for '{}'", function, name);
    values_.emplace_back(*known, &value);
  }
}

const Value* Parameters::find(std::string_view name) const {
  for (const auto& [key, value] : values_) {
    if (key == name) return value;
  }
  return nullptr;
}

const Value& Parameters::at(std::string_view name) const {
  const Value* value = find(name);
  if (value == nullptr) refuse("{} is missing its argument '{}'", function_, name);
  return *value;
}

Value Parameters::value_or(std::string_view name, Value otherwise) const {
  const Value* value = find(name);
  return value == nullptr ? otherwise : *value;
}

bool Parameters::truth_or(std::string_view name, bool otherwise) const {
  const Value* value = find(name);
  return value == nullptr ? otherwise : truth(*value);
}

int64_t Parameters::integer_or(std::string_view name, int64_t otherwise) const {
  const Value* value = find(name);
  if (value == nullptr) return otherwise;
  const auto integer = value->integer();
  if (!integer) refuse("{}: '{}' is not an integer but {}", function_, name, type_name(*value));
  return *integer;
}

const std::string& Parameters::string(std::string_view name) const {
  return string_of(at(name), fmt::format("{}: '{}'", function_, name));
}

std::string Parameters::string_or(std::string_view name, std::string_view otherwise) const {
  return find(name) == nullptr ? std::string(otherwise) : string(name);
}

const Value& defined(const Value& x) {
  if (const Undefined* undefined = x.undefined()) refuse("{}", undefined->reason());
  return x;
}

const std::string& string_of(const Value& x, std::string_view what) {
  defined(x);
  if (x.string() == nullptr) refuse("{} is not a string but {}", what, type_name(x));
  return *x.string();
}

Value generator(List items) {
  return std::shared_ptr<Object>(make_buried<Generator>(std::move(items)));
}

Value function(std::string name, Function::Body body) {
  return std::shared_ptr<Object>(make_buried<Function>(std::move(name), std::move(body)));
}

}  // namespace graft::jinja
