#include "graft/jinja/template.h"

#include <ctime>

#include "graft/jinja/print.h"
#include "graft/unicode/unicode.h"

namespace graft::jinja {
namespace {

class Namespace : public Object {
 public:
  explicit Namespace(Dict values) : values_(std::move(values)) {
    for (const auto& [name, value] : values_.items()) {
      if (name.string() != nullptr) check_name(*name.string());
    }
  }
  std::optional<Value> attribute(Interpreter&, std::string_view name) override {
    if (const Value* value = values_.find(name)) return *value;
    return {};
  }
  bool set_attribute(std::string_view name, Value value) override {
    check_name(name);
    values_.set(name, std::move(value));
    return true;
  }
  std::string type_name() const override { return "Namespace"; }
  void release() override { values_ = {}; }

 private:
  static void check_name(std::string_view name) {
    if (name.starts_with('_')) refuse("a namespace has no attributes that begin with _: {}", name);
  }

  Dict values_;
};

class Cycler : public Object, public std::enable_shared_from_this<Cycler> {
 public:
  explicit Cycler(List items) : items_(std::move(items)) {}
  std::optional<Value> attribute(Interpreter&, std::string_view name) override {
    if (name == "current") return items_[at_];
    if (name != "next" && name != "reset") return {};
    return function(std::string(name), [self = shared_from_this(), reset = name == "reset"](
                                           Interpreter&, const Arguments&) {
      Value item = self->items_[self->at_];
      self->at_ = reset ? 0 : (self->at_ + 1) % self->items_.size();
      return reset ? Value() : item;
    });
  }
  std::string type_name() const override { return "Cycler"; }

 private:
  List items_;
  size_t at_ = 0;
};

Dict named_values(const Arguments& arguments, const char* name) {
  Dict dict;
  for (const Value& from : arguments.positional) {
    if (from.dict() == nullptr) refuse("{}() takes a mapping and names", name);
    for (const auto& [key, value] : from.dict()->items()) dict.set(key, value);
  }
  for (const auto& [key, value] : arguments.named) dict.set(key, value);
  return dict;
}

Value range(Interpreter& interpreter, const Arguments& arguments) {
  constexpr int64_t kMost = 100'000;  // as the sandbox has it
  const List& a = arguments.positional;
  if (a.empty() || a.size() > 3 || !arguments.named.empty()) refuse("range() takes 1 to 3 numbers");
  std::vector<int64_t> bounds;
  for (const Value& x : a) {
    if (!x.integer()) refuse("range() takes integers, not {}", type_name(x));
    bounds.push_back(*x.integer());
  }
  const int64_t begin = a.size() == 1 ? 0 : bounds[0], end = a.size() == 1 ? bounds[0] : bounds[1];
  const int64_t step = a.size() == 3 ? bounds[2] : 1;
  if (step == 0) refuse("range() step must not be zero");
  List items;
  for (int64_t i = begin; step > 0 ? i < end : i > end;) {
    if (static_cast<int64_t>(items.size()) == kMost) refuse("range() of more than {} items", kMost);
    items.emplace_back(i);
    if (__builtin_add_overflow(i, step, &i)) break;
  }
  interpreter.step(static_cast<int64_t>(items.size()));
  return items;
}

Value now(Interpreter&, const Arguments& arguments) {
  const std::string format = Parameters("strftime_now", arguments, {"format"}).string("format");
  const std::time_t seconds = std::time(nullptr);
  std::tm local{};
  localtime_r(&seconds, &local);
  std::string out(format.size() * 8 + 256, '\0');
  out.resize(std::strftime(out.data(), out.size(), format.c_str(), &local));
  return out;
}

std::shared_ptr<Scope> make_globals() {
  auto scope = std::make_shared<Scope>(nullptr);
  const auto add = [&](const char* name, auto&& body) { scope->set(name, function(name, body)); };
  add("range", range);
  add("strftime_now", now);
  add("raise_exception", [](Interpreter&, const Arguments& arguments) -> Value {
    refuse("{}", to_string(Parameters("raise_exception", arguments, {"message"}).at("message")));
  });
  add("dict", [](Interpreter&, const Arguments& a) -> Value { return named_values(a, "dict"); });
  add("namespace", [](Interpreter& interpreter, const Arguments& a) -> Value {
    return std::shared_ptr<Object>(
        interpreter.make_object<Namespace>(named_values(a, "namespace")));
  });
  add("cycler", [](Interpreter&, const Arguments& arguments) -> Value {
    if (arguments.positional.empty()) refuse("cycler() needs items");
    return std::shared_ptr<Object>(make_buried<Cycler>(arguments.positional));
  });
  add("joiner", [](Interpreter&, const Arguments& arguments) -> Value {
    const std::string separator = Parameters("joiner", arguments, {"sep"}).string_or("sep", ", ");
    const auto used = std::make_shared<bool>(false);
    return function("joiner", [separator, used](Interpreter&, const Arguments&) -> Value {
      return std::exchange(*used, true) ? separator : "";
    });
  });
  return scope;
}

// The globals, and the variables over them.
std::shared_ptr<Scope> scope_of(Variables variables) {
  // Which nothing changes. It is never destroyed: at the end of the program what destroys values
  // (see bury) may be gone before it.
  static const auto& globals = *new std::shared_ptr<Scope>(make_globals());
  const auto scope = std::make_shared<Scope>(globals);
  scope->values = std::move(variables);
  return scope;
}

Variables members_of(const nlohmann::ordered_json& object) {
  Variables all;
  for (const auto& [name, value] : object.items()) all.emplace_back(name, value_of(value));
  return all;
}

}  // namespace

Value value_of(const nlohmann::ordered_json& json, int depth) {
  if (depth > 100) refuse("a value nests deeper than 100 levels");
  switch (json.type()) {
    case nlohmann::ordered_json::value_t::boolean:
      return json.get<bool>();
    case nlohmann::ordered_json::value_t::number_integer:
      return json.get<int64_t>();
    case nlohmann::ordered_json::value_t::number_unsigned:
      if (json.get<uint64_t>() > INT64_MAX) refuse("an integer does not fit 64 bits");
      return json.get<int64_t>();
    case nlohmann::ordered_json::value_t::number_float:
      return json.get<double>();
    case nlohmann::ordered_json::value_t::string:
      return unicode::replace_invalid(json.get_ref<const std::string&>());
    case nlohmann::ordered_json::value_t::array: {
      List items;
      items.reserve(json.size());
      for (const auto& item : json) items.push_back(value_of(item, depth + 1));
      return items;
    }
    case nlohmann::ordered_json::value_t::object: {
      Dict dict;
      for (const auto& [key, value] : json.items())
        dict.set(unicode::replace_invalid(key), value_of(value, depth + 1));
      return dict;
    }
    default:
      return Value();
  }
}

Template::Template(std::string_view source)
    : parsed_(std::make_shared<const ParsedTemplate>(parse(source))) {}

std::string Template::render(Variables variables, const Limits& limits) const {
  Interpreter interpreter(scope_of(std::move(variables)), limits);
  parsed_->body.run(interpreter);
  return interpreter.take_output();
}

Rendering Template::render_with_spans(Variables variables, std::string_view list,
                                      const Limits& limits) const {
  const auto scope = scope_of(std::move(variables));
  const Value* items = scope->find(list);
  OutputRecorder recorder(items == nullptr ? Value() : *items);
  Interpreter interpreter(scope, limits, &recorder);
  parsed_->body.run(interpreter);
  return std::move(recorder).finish(interpreter.take_output());
}

std::string Template::render(const nlohmann::ordered_json& variables, const Limits& limits) const {
  return render(members_of(variables), limits);
}

Rendering Template::render_with_spans(const nlohmann::ordered_json& variables,
                                      std::string_view list, const Limits& limits) const {
  return render_with_spans(members_of(variables), list, limits);
}

}  // namespace graft::jinja
