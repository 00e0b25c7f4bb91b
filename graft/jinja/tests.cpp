#include "graft/jinja/tests.h"

#include <cmath>
#include <map>

#include "graft/jinja/filters.h"
#include "graft/jinja/interpreter.h"
#include "graft/jinja/operations.h"
#include "graft/jinja/print.h"
#include "graft/jinja/text.h"

namespace graft::jinja {
namespace {

const Value& other(const char* name, const Arguments& arguments) {
  return Parameters(name, arguments, {"other"}).at("other");
}

template <class Order>
bool ordered(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  return Order()(interpreter.compare(x, other("a comparison", arguments)), 0);
}

bool is_equal(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  return interpreter.equal(x, other("eq", arguments));
}

bool is_unequal(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  return !interpreter.equal(x, other("ne", arguments));
}

bool is_same(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Value& y = other("sameas", arguments);
  return type_name(x) == type_name(y) && interpreter.equal(x, y);
}

bool is_in(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  return interpreter.contains(Parameters("in", arguments, {"seq"}).at("seq"), x);
}

// Whether x is all of one case, and has letters that the other would change.
template <std::string (*kSame)(std::string_view), std::string (*kOther)(std::string_view)>
bool is_of_case(Interpreter& interpreter, const Value& x, const Arguments&) {
  const std::string text = to_string(x);
  interpreter.charge(text);
  return text == kSame(text) && text != kOther(text);
}

bool remainder_is(const Value& x, int64_t by, int64_t rest) {
  const auto integer = defined(x).integer();
  if (integer) {
    if (by == 0) refuse("division by zero");
    if (by == -1) return rest == 0;  // the quotient may not fit
    int64_t remainder = *integer % by;
    if (remainder != 0 && (remainder < 0) != (by < 0)) remainder += by;
    return remainder == rest;
  }
  const auto number = x.number();
  if (!number) refuse("'{}' object has no remainder", type_name(x));
  return std::fmod(std::fmod(*number, static_cast<double>(by)) + static_cast<double>(by),
                   static_cast<double>(by)) == static_cast<double>(rest);
}

bool is_divisible(Interpreter&, const Value& x, const Arguments& arguments) {
  return remainder_is(x, Parameters("divisibleby", arguments, {"num"}).integer_or("num", 0), 0);
}

// ---- of one value

bool is_defined(const Value& x) { return !x.is_undefined(); }
bool is_undefined(const Value& x) { return x.is_undefined(); }
bool is_none(const Value& x) { return x.is_none(); }
bool is_boolean(const Value& x) { return x.is_bool(); }
bool is_true(const Value& x) { return x.is_bool() && truth(x); }
bool is_false(const Value& x) { return x.is_bool() && !truth(x); }
bool is_integer(const Value& x) { return x.is_integer(); }
bool is_real(const Value& x) { return x.is_real(); }
bool is_number(const Value& x) { return x.is_number(); }
bool is_string(const Value& x) { return x.string() != nullptr; }
bool is_mapping(const Value& x) { return x.dict() != nullptr; }
bool is_sequence(const Value& x) {
  return x.object() == nullptr && (x.is_undefined() || length(x));
}
bool is_iterable(const Value& x) {
  return is_sequence(x) || (x.object() != nullptr && x.object()->type_name() == "generator");
}
bool is_callable(const Value& x) { return x.object() != nullptr && x.object()->is_callable(); }
bool is_escaped(const Value&) { return false; }
bool is_odd(const Value& x) { return remainder_is(x, 2, 1); }
bool is_even(const Value& x) { return remainder_is(x, 2, 0); }
bool is_filter(const Value& x) {
  return find_filter(string_of(x, "the name of a filter")) != nullptr;
}
bool is_test(const Value& x) { return find_test(string_of(x, "the name of a test")) != nullptr; }

template <bool (*kTest)(const Value&)>
bool of_one(Interpreter&, const Value& x, const Arguments&) {
  return kTest(x);
}

}  // namespace

TestFunction find_test(std::string_view name) {
  static const std::map<std::string_view, TestFunction> kTests = {
      {"!=", is_unequal},
      {"<", ordered<std::less<int>>},
      {"<=", ordered<std::less_equal<int>>},
      {"==", is_equal},
      {">", ordered<std::greater<int>>},
      {">=", ordered<std::greater_equal<int>>},
      {"boolean", of_one<is_boolean>},
      {"callable", of_one<is_callable>},
      {"defined", of_one<is_defined>},
      {"divisibleby", is_divisible},
      {"eq", is_equal},
      {"equalto", is_equal},
      {"escaped", of_one<is_escaped>},
      {"even", of_one<is_even>},
      {"false", of_one<is_false>},
      {"filter", of_one<is_filter>},
      {"float", of_one<is_real>},
      {"ge", ordered<std::greater_equal<int>>},
      {"greaterthan", ordered<std::greater<int>>},
      {"gt", ordered<std::greater<int>>},
      {"in", is_in},
      {"integer", of_one<is_integer>},
      {"iterable", of_one<is_iterable>},
      {"le", ordered<std::less_equal<int>>},
      {"lessthan", ordered<std::less<int>>},
      {"lower", is_of_case<lower, upper>},
      {"lt", ordered<std::less<int>>},
      {"mapping", of_one<is_mapping>},
      {"ne", is_unequal},
      {"none", of_one<is_none>},
      {"number", of_one<is_number>},
      {"odd", of_one<is_odd>},
      {"sameas", is_same},
      {"sequence", of_one<is_sequence>},
      {"string", of_one<is_string>},
      {"test", of_one<is_test>},
      {"true", of_one<is_true>},
      {"undefined", of_one<is_undefined>},
      {"upper", is_of_case<upper, lower>},
  };
  const auto found = kTests.find(name);
  return found == kTests.end() ? nullptr : found->second;
}

}  // namespace graft::jinja
