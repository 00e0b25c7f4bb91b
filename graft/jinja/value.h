#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <variant>
#include <vector>

namespace graft::jinja {

class Interpreter;
class Value;

/// Destroys `body`, and what it holds in turn, in a loop instead of by recursion: values that a
/// template has nested a million deep take no stack.
void bury(void* body, void (*destroy)(void* body));

/// A shared T that is destroyed by bury().
template <class T, class... Args>
std::shared_ptr<T> make_buried(Args&&... args) {
  return std::shared_ptr<T>(new T(std::forward<Args>(args)...), [](T* x) {
    bury(const_cast<void*>(static_cast<const void*>(x)),
         [](void* body) { delete static_cast<T*>(body); });
  });
}

/// The result of a name or a look-up that found nothing. It prints as nothing, is false and empty,
/// and is refused everywhere else, with `reason`.
class Undefined {
 public:
  explicit Undefined(std::string reason)
      : reason_(std::make_shared<const std::string>(std::move(reason))) {}
  const std::string& reason() const { return *reason_; }

 private:
  std::shared_ptr<const std::string> reason_;
};

struct None {};

/// The arguments of a call.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

/// Anything that is not plain data: functions, macros, bound methods, `loop`, namespaces, the
/// generators that filters return.
class Object {
 public:
  virtual ~Object() = default;
  /// The attribute, or nothing.
  virtual std::optional<Value> attribute(Interpreter& interpreter, std::string_view name);
  /// False if attributes cannot be set.
  virtual bool set_attribute(std::string_view name, Value value);
  virtual bool is_callable() const { return false; }
  virtual Value call(Interpreter& interpreter, const Arguments& arguments);
  /// The items left, which are then used up; nothing if it has none.
  virtual std::optional<std::vector<Value>> take_items();
  /// What Python calls the type.
  virtual std::string type_name() const = 0;
  /// Releases all that it holds when the rendering is over: objects may hold each other.
  virtual void release() {}
};

using List = std::vector<Value>;

/// An ordered mapping.
class Dict {
 public:
  const std::vector<std::pair<Value, Value>>& items() const { return items_; }
  /// The value, or null.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  void set(Value key, Value value);

 private:
  const Value* find_hashed(const Value& key) const;

  std::vector<std::pair<Value, Value>> items_;
  std::unordered_multimap<size_t, size_t> index_;  // of hashes, once there are many items
};

/// A value of a template, with Python's semantics. Data cannot be changed once made, as in the
/// sandbox that templates run in; copies share it.
class Value {
 public:
  struct Tuple {
    std::shared_ptr<const List> items;
  };
  using Data = std::variant<Undefined, None, bool, int64_t, double,
                            std::shared_ptr<const std::string>, std::shared_ptr<const List>, Tuple,
                            std::shared_ptr<const Dict>, std::shared_ptr<Object>>;

  Value() : data_(None{}) {}
  Value(Undefined x) : data_(std::move(x)) {}  // NOLINT
  Value(bool x) : data_(x) {}                  // NOLINT
  Value(int64_t x) : data_(x) {}               // NOLINT
  Value(double x) : data_(x) {}                // NOLINT
  Value(std::string x)                         // NOLINT
      : data_(std::shared_ptr<const std::string>(std::make_shared<std::string>(std::move(x)))) {}
  Value(std::string_view x) : Value(std::string(x)) {}             // NOLINT
  Value(const char* x) : Value(std::string(x)) {}                  // NOLINT
  Value(List x) : data_(make_buried<const List>(std::move(x))) {}  // NOLINT
  Value(Dict x) : data_(make_buried<const Dict>(std::move(x))) {}  // NOLINT
  Value(std::shared_ptr<Object> x) : data_(std::move(x)) {}        // NOLINT
  static Value tuple(List items);

  bool is_undefined() const { return std::holds_alternative<Undefined>(data_); }
  bool is_none() const { return std::holds_alternative<None>(data_); }
  bool is_bool() const { return std::holds_alternative<bool>(data_); }
  /// False for a bool, unlike in Python.
  bool is_integer() const { return std::holds_alternative<int64_t>(data_); }
  bool is_real() const { return std::holds_alternative<double>(data_); }
  bool is_number() const { return is_bool() || is_integer() || is_real(); }

  const std::string* string() const;
  /// Appends to a string that no other value shares; false if this is none.
  bool append(std::string_view text);
  const Dict* dict() const;
  Object* object() const;
  /// The items of a list or a tuple, or null.
  const List* list() const;
  bool is_tuple() const { return std::holds_alternative<Tuple>(data_); }

  /// A bool or an integer as an integer; nothing for other types.
  std::optional<int64_t> integer() const;
  /// A number; nothing for other types.
  std::optional<double> number() const;

  const Undefined* undefined() const { return std::get_if<Undefined>(&data_); }

 private:
  explicit Value(Data data) : data_(std::move(data)) {}

  Data data_;
};

/// As Python's bool(x).
bool truth(const Value& x);

/// What Python calls the type: "str", "dict".
std::string type_name(const Value& x);

/// The items that a loop over x takes: of a list, the keys of a dict, the characters of a string.
/// Throws if there are none to take.
List items_of(const Value& x);

/// As len(x); nothing where Python raises.
std::optional<int64_t> length(const Value& x);

}  // namespace graft::jinja
