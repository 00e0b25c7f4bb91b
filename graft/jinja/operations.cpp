#include "graft/jinja/operations.h"

#include <algorithm>
#include <cmath>

#include "graft/jinja/format.h"
#include "graft/jinja/interpreter.h"
#include "graft/unicode/unicode.h"

namespace graft::jinja {
namespace {

const char* symbol_of(BinaryOperator op) {
  static constexpr const char* kOperators[] = {"+", "-", "*", "/", "//", "%", "**"};
  return kOperators[static_cast<int>(op)];
}

[[noreturn]] void refuse_overflow() { refuse("an integer does not fit 64 bits"); }

int64_t integer_power(int64_t x, int64_t y) {
  int64_t result = 1;
  for (; y > 0; y /= 2) {
    if (y % 2 == 1 && __builtin_mul_overflow(result, x, &result)) refuse_overflow();
    if (y > 1 && __builtin_mul_overflow(x, x, &x)) refuse_overflow();
  }
  return result;
}

Value of_integers(BinaryOperator op, int64_t x, int64_t y) {
  int64_t result = 0;
  switch (op) {
    case BinaryOperator::add:
      if (__builtin_add_overflow(x, y, &result)) refuse_overflow();
      return result;
    case BinaryOperator::subtract:
      if (__builtin_sub_overflow(x, y, &result)) refuse_overflow();
      return result;
    case BinaryOperator::multiply:
      if (__builtin_mul_overflow(x, y, &result)) refuse_overflow();
      return result;
    case BinaryOperator::power:
      if (y < 0) return std::pow(static_cast<double>(x), static_cast<double>(y));
      return integer_power(x, y);
    case BinaryOperator::divide:
      if (y == 0) refuse("division by zero");
      return static_cast<double>(x) / static_cast<double>(y);
    default:
      break;
  }
  if (y == 0) refuse("division by zero");
  if (y == -1) {
    if (op == BinaryOperator::modulo) return int64_t{0};
    if (__builtin_sub_overflow(int64_t{0}, x, &result)) refuse_overflow();
    return result;
  }
  // Rounded down, as Python does.
  int64_t quotient = x / y, rest = x % y;
  if (rest != 0 && (rest < 0) != (y < 0)) {
    --quotient;
    rest += y;
  }
  return op == BinaryOperator::floor_divide ? quotient : rest;
}

Value of_reals(BinaryOperator op, double x, double y) {
  switch (op) {
    case BinaryOperator::add:
      return x + y;
    case BinaryOperator::subtract:
      return x - y;
    case BinaryOperator::multiply:
      return x * y;
    case BinaryOperator::power:
      return std::pow(x, y);
    default:
      break;
  }
  if (y == 0) refuse("division by zero");
  if (op == BinaryOperator::divide) return x / y;
  double rest = std::fmod(x, y);
  if (rest != 0 && (rest < 0) != (y < 0)) rest += y;
  if (op == BinaryOperator::modulo) return rest;
  return std::round((x - rest) / y);
}

Value repeated(Interpreter& interpreter, const Value& x, int64_t times) {
  times = std::max<int64_t>(times, 0);
  const size_t size = x.string() != nullptr ? x.string()->size() : x.list()->size();
  if (size == 0) times = 0;
  if (size > 0 && times > (int64_t{1} << 40) / static_cast<int64_t>(size)) {
    refuse("a value repeated {} times is too large", times);
  }
  interpreter.produced(size * static_cast<size_t>(times));
  interpreter.step(static_cast<int64_t>(size) * times / 16);
  if (x.string() != nullptr) {
    std::string out;
    for (int64_t i = 0; i < times; ++i) out += *x.string();
    return out;
  }
  List out;
  for (int64_t i = 0; i < times; ++i) out.insert(out.end(), x.list()->begin(), x.list()->end());
  return x.is_tuple() ? Value::tuple(std::move(out)) : Value(std::move(out));
}

// The byte where each character of a text begins, and its end.
std::vector<size_t> character_starts(const std::string& text) {
  std::vector<size_t> starts;
  for (size_t i = 0; i < text.size(); i += unicode::decode(text.data() + i).size) {
    starts.push_back(i);
  }
  starts.push_back(text.size());
  return starts;
}

// A bound of a slice, as Python's slice.indices.
int64_t bound(const Value* x, int64_t otherwise, int64_t size, bool backwards) {
  if (x == nullptr || x->is_none()) return otherwise;
  const auto integer = defined(*x).integer();
  if (!integer) refuse("slice indices must be integers or None");
  int64_t at = *integer;
  if (at < 0) at = at < -size ? (backwards ? -1 : 0) : at + size;
  return std::min(at, backwards ? size - 1 : size);
}

}  // namespace

Value apply(Interpreter& interpreter, BinaryOperator op, Value x, const Value& y) {
  defined(x);
  defined(y);
  if (x.is_number() && y.is_number()) {
    const auto a = x.integer(), b = y.integer();
    return a && b ? of_integers(op, *a, *b) : of_reals(op, *x.number(), *y.number());
  }
  if (op == BinaryOperator::add) {
    if (x.string() != nullptr && y.string() != nullptr) {
      interpreter.produced(x.string()->size() + y.string()->size());
      interpreter.step(static_cast<int64_t>((x.string()->size() + y.string()->size()) / 16));
      if (x.append(*y.string())) return x;
      return *x.string() + *y.string();
    }
    if (x.list() != nullptr && y.list() != nullptr && x.is_tuple() == y.is_tuple()) {
      List items = *x.list();
      items.insert(items.end(), y.list()->begin(), y.list()->end());
      interpreter.step(static_cast<int64_t>(items.size()));
      return x.is_tuple() ? Value::tuple(std::move(items)) : Value(std::move(items));
    }
  }
  if (op == BinaryOperator::multiply) {
    const bool first = x.string() != nullptr || x.list() != nullptr;
    const bool second = y.string() != nullptr || y.list() != nullptr;
    if (first && y.integer()) return repeated(interpreter, x, *y.integer());
    if (second && x.integer()) return repeated(interpreter, y, *x.integer());
  }
  if (op == BinaryOperator::modulo && x.string() != nullptr) {
    return format_text(*x.string(), y);
  }
  refuse("unsupported operand types for {}: '{}' and '{}'", symbol_of(op), type_name(x),
         type_name(y));
}

Value negative(const Value& x) {
  defined(x);
  if (const auto integer = x.integer()) {
    if (*integer == INT64_MIN) refuse_overflow();
    return -*integer;
  }
  if (const auto number = x.number()) return -*number;
  refuse("bad operand type for unary -: '{}'", type_name(x));
}

Value slice(const Value& x, const Value* begin, const Value* end, const Value* step) {
  defined(x);
  int64_t by = 1;
  if (step != nullptr && !step->is_none()) {
    const auto integer = defined(*step).integer();
    if (!integer) refuse("slice indices must be integers or None");
    if (*integer == 0) refuse("slice step cannot be zero");
    by = *integer;
  }
  std::vector<size_t> starts;
  if (x.string() != nullptr) starts = character_starts(*x.string());
  if (x.string() == nullptr && x.list() == nullptr) {
    refuse("'{}' object cannot be sliced", type_name(x));
  }
  const auto size =
      static_cast<int64_t>(x.string() != nullptr ? starts.size() - 1 : x.list()->size());
  const bool backwards = by < 0;
  const int64_t from = bound(begin, backwards ? size - 1 : 0, size, backwards);
  const int64_t to = bound(end, backwards ? -1 : size, size, backwards);
  std::string text;
  List items;
  for (int64_t i = from; backwards ? i > to : i < to;) {
    const auto at = static_cast<size_t>(i);
    if (x.string() != nullptr) {
      text.append(*x.string(), starts[at], starts[at + 1] - starts[at]);
    } else {
      items.push_back((*x.list())[at]);
    }
    if (__builtin_add_overflow(i, by, &i)) break;
  }
  if (x.string() != nullptr) return text;
  return x.is_tuple() ? Value::tuple(std::move(items)) : Value(std::move(items));
}

std::optional<Value> item_at(const Value& x, int64_t index) {
  if (const List* items = x.list()) {
    const auto size = static_cast<int64_t>(items->size());
    if (index < 0) index += size;
    if (index < 0 || index >= size) return {};
    return (*items)[static_cast<size_t>(index)];
  }
  if (const std::string* text = x.string()) {
    if (index < 0) index += *length(x);
    for (size_t at = 0; index >= 0 && at < text->size(); --index) {
      const size_t size = unicode::decode(text->data() + at).size;
      if (index == 0) return Value(text->substr(at, size));
      at += size;
    }
  }
  return {};
}

}  // namespace graft::jinja
