#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/jinja/error.h"
#include "graft/jinja/output_recorder.h"
#include "graft/jinja/statements.h"

namespace graft::jinja {

/// The resources that a template, which is untrusted, may use.
struct Limits {
  int64_t steps = 5'000'000;          ///< nodes evaluated, items and bytes produced
  int64_t bytes = int64_t{64} << 20;  ///< of output, and of any value
  int64_t stack = int64_t{2} << 20;   ///< bytes of nested calls
  int depth = 100;                    ///< nested calls and loops
};

/// Names and their values; a name that is not here is looked for in the parent.
struct Scope {
  explicit Scope(std::shared_ptr<Scope> outer)
      : parent(std::move(outer)), level(parent == nullptr ? 0 : parent->level + 1) {}
  const Value* find(std::string_view name) const;
  void set(std::string_view name, Value value);

  std::shared_ptr<Scope> parent;
  int level;  ///< how many there are above it; look-ups and the destructor go through them all
  std::vector<std::pair<std::string, Value>> values;
};

/// The state of one rendering.
class Interpreter {
 public:
  /// `recorder`, if it is not null, is told where the output comes from.
  Interpreter(std::shared_ptr<Scope> globals, const Limits& limits,
              OutputRecorder* recorder = nullptr);

  Value lookup(std::string_view name) const;
  void set(std::string_view name, Value value) { scope_->set(name, std::move(value)); }
  const std::shared_ptr<Scope>& scope() const { return scope_; }

  void write(std::string_view text);

  /// Counts work that was done. Throws if it exceeds a limit.
  void step(int64_t count = 1);
  /// Counts a new value of `size` bytes or items.
  void produced(size_t size);
  /// Counts the work of a function that reads or has made x.
  void charge(const Value& x);
  /// Counts the work of searching for one text in another, or of stripping its characters off the
  /// other.
  void charge_search(std::string_view text, std::string_view wanted);
  /// As the functions of comparison.h and `x in y`, with their work counted.
  bool equal(const Value& x, const Value& y);
  int compare(const Value& x, const Value& y);
  bool contains(const Value& y, const Value& x);
  /// The items that a loop over x takes, as items_of, with the work counted before it is done.
  List items(const Value& x);

  /// x.name and x[key], as Jinja looks them up; undefined if they do not exist.
  Value attribute(const Value& x, std::string_view name);
  Value subscript(const Value& x, const Value& key);
  Value call(const Value& callee, const Arguments& arguments);

  /// Makes an object that may end up in a reference cycle, through a scope or an attribute: it is
  /// released at the end of the rendering.
  template <class T, class... Args>
  std::shared_ptr<T> make_object(Args&&... args) {
    auto object = make_buried<T>(std::forward<Args>(args)...);
    objects_.push_back(object);
    step(4);
    return object;
  }

  /// Runs `body` with a scope of its own on top of `parent`, or of the current one.
  template <class Body>
  auto in_scope(std::shared_ptr<Scope> parent, Body&& body) {
    const Restore<std::shared_ptr<Scope>> scope(scope_, std::make_shared<Scope>(std::move(parent)));
    const Restore<int> depth(depth_, depth_ + 1);
    constexpr int kMostScopes = 1000;  // a loop that is called after its end nests in itself
    if (scope_->level > kMostScopes) refuse("scopes nest deeper than {} levels", kMostScopes);
    if (depth_ > limits_.depth) refuse("calls nest deeper than {} levels", limits_.depth);
    return body();
  }

  /// The output of `body`.
  template <class Body>
  std::string captured(Body&& body) {
    const Restore<std::optional<size_t>> collected(collected_at_, visible_size());
    const Restore<int> captures(captures_, captures_ + 1);
    const Restore<std::string> output(output_, "");
    body();
    return std::move(output_);
  }

  /// Runs `body`, which writes at once what Jinja would collect and write at its end.
  template <class Body>
  auto collected(Body&& body) {
    const Restore<std::optional<size_t>> collected(collected_at_, visible_size());
    return body();
  }

  /// Runs the body of a {% generation %} block, and tells the recorder what it has written.
  template <class Body>
  auto generated(Body&& body) {
    if (recorder_ == nullptr) return body();
    const size_t visible = visible_size(), begin = output_.size();
    const auto result = collected(body);
    step(static_cast<int64_t>((output_.size() - begin) / 16));
    recorder_->add_generated(visible, std::string_view(output_).substr(begin));
    return result;
  }

  /// Runs a loop's body for one item, and tells the recorder what it has written.
  template <class Body>
  auto iterated(const Value& item, Body&& body) {
    const size_t begin = output_.size();
    const auto result = body();
    if (recorder_ != nullptr && captures_ == 0) recorder_->add_item(item, {begin, output_.size()});
    return result;
  }

  ~Interpreter();
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  std::string take_output() { return std::move(output_); }

 private:
  template <class T>
  class Restore {
   public:
    Restore(T& place, T value) : place_(place), before_(std::exchange(place, std::move(value))) {}
    ~Restore() { place_ = std::move(before_); }
    Restore(const Restore&) = delete;
    Restore& operator=(const Restore&) = delete;

   private:
    T& place_;
    T before_;
  };

  /// The bytes of output that Jinja would have passed on by now.
  size_t visible_size() const { return collected_at_.value_or(output_.size()); }

  Limits limits_;
  OutputRecorder* recorder_;
  const char* stack_begin_;
  std::shared_ptr<Scope> scope_;
  std::vector<std::weak_ptr<Object>> objects_;
  std::string output_;
  std::optional<size_t> collected_at_;  // visible_size() where Jinja began to collect, if it does
  int captures_ = 0;                    // nested; output_ is then not the template's
  int64_t steps_ = 0;
  int depth_ = 0;
};

/// The arguments of a call as named parameters: by position, then by name. Throws if there are too
/// many, or if one is given twice or has another name.
class Parameters {
 public:
  Parameters(std::string_view function, const Arguments& arguments,
             std::vector<std::string_view> names);
  /// The argument, or null if it was not given.
  const Value* find(std::string_view name) const;
  /// Throws if it was not given.
  const Value& at(std::string_view name) const;
  Value value_or(std::string_view name, Value otherwise) const;
  bool truth_or(std::string_view name, bool otherwise) const;
  int64_t integer_or(std::string_view name, int64_t otherwise) const;
  /// Throws if it is no string.
  const std::string& string(std::string_view name) const;
  std::string string_or(std::string_view name, std::string_view otherwise) const;

 private:
  std::string function_;
  std::vector<std::pair<std::string_view, const Value*>> values_;
};

/// Throws if x is undefined; returns it.
const Value& defined(const Value& x);

/// A string, or an error that names `what`.
const std::string& string_of(const Value& x, std::string_view what);

/// Items that can be taken once, like those of a Python generator; it counts as true.
Value generator(List items);

/// A built-in function.
Value function(std::string name,
               std::function<Value(Interpreter& interpreter, const Arguments& arguments)> body);

}  // namespace graft::jinja
