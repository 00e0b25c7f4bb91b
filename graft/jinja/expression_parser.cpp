#include "graft/jinja/expression_parser.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <set>

#include "graft/jinja/filters.h"
#include "graft/jinja/tests.h"

namespace graft::jinja {
namespace {

ExpressionPtr literal(const Token& token, Value value) {
  return std::make_unique<Literal>(token.line, std::move(value));
}

int64_t integer_of(const Token& token) {
  std::string_view digits = token.text;
  int base = 10;
  if (digits.size() > 2 && digits[0] == '0' && digits[1] > '9') {
    const char kind = static_cast<char>(digits[1] | 0x20);
    base = kind == 'x' ? 16 : kind == 'o' ? 8 : 2;
    digits.remove_prefix(2);
  }
  int64_t value = 0;
  const auto [end, error] =
      std::from_chars(digits.data(), digits.data() + digits.size(), value, base);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    refuse("line {}, column {}: the number {} does not fit 64 bits", token.line, token.column,
           token.text);
  }
  return value;
}

double real_of(const Token& token) {
  const std::string& text = token.text;
  double value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc::result_out_of_range) return value;
  const bool small = text.find("e-") != text.npos || text.find("E-") != text.npos;
  return small ? 0 : std::numeric_limits<double>::infinity();
}

}  // namespace
bool ExpressionParser::is_tuple_end(std::string_view end_name) const {
  return tokens_.is(TokenKind::print_end) || tokens_.is(TokenKind::statement_end) ||
         tokens_.is(TokenKind::end) || tokens_.is_symbol(")") ||
         (!end_name.empty() && tokens_.is_name(end_name));
}

// An expression, or a tuple of them without brackets.
ExpressionPtr ExpressionParser::parse_tuple(bool conditionals, std::string_view end_name) {
  return parse_items(conditionals, end_name, false);
}

ExpressionPtr ExpressionParser::parse_items(bool conditionals, std::string_view end_name,
                                            bool in_brackets) {
  const int line = tokens_.current().line;
  std::vector<ExpressionPtr> items;
  bool is_tuple = false;
  while (true) {
    if (!items.empty()) {
      if (!tokens_.skip_symbol(",")) break;
      is_tuple = true;
    }
    if (is_tuple_end(end_name)) break;
    items.push_back(conditionals ? parse_expression() : parse_or());
  }
  if (!is_tuple && !items.empty()) return std::move(items[0]);
  if (items.empty() && !in_brackets)
    tokens_.refuse_here("expected an expression, found {}", tokens_.described());
  return std::make_unique<Sequence>(line, std::move(items), true);
}

ExpressionPtr ExpressionParser::parse_expression() {
  TokenStream::Nesting nesting(tokens_);
  const int line = tokens_.current().line;
  ExpressionPtr x = parse_or();
  while (tokens_.skip_name("if")) {
    nesting.deepen();
    ExpressionPtr test = parse_or();
    ExpressionPtr otherwise;
    if (tokens_.skip_name("else")) otherwise = parse_expression();
    x = std::make_unique<Conditional>(line, std::move(test), std::move(x), std::move(otherwise));
  }
  return x;
}

ExpressionPtr ExpressionParser::parse_or() {
  const int line = tokens_.current().line;
  TokenStream::Nesting nesting(tokens_);
  ExpressionPtr x = parse_and();
  while (tokens_.skip_name("or")) {
    nesting.deepen();
    x = std::make_unique<Logical>(line, false, std::move(x), parse_and());
  }
  return x;
}

ExpressionPtr ExpressionParser::parse_and() {
  const int line = tokens_.current().line;
  TokenStream::Nesting nesting(tokens_);
  ExpressionPtr x = parse_not();
  while (tokens_.skip_name("and")) {
    nesting.deepen();
    x = std::make_unique<Logical>(line, true, std::move(x), parse_not());
  }
  return x;
}

ExpressionPtr ExpressionParser::parse_not() {
  const TokenStream::Nesting nesting(tokens_);
  const int line = tokens_.current().line;
  if (tokens_.skip_name("not")) {
    return std::make_unique<Unary>(line, UnaryOperator::negation, parse_not());
  }
  return parse_comparison();
}

std::optional<CompareOperator> ExpressionParser::take_compare_operator() {
  static const std::pair<std::string_view, CompareOperator> kOperators[] = {
      {"==", CompareOperator::equal},  {"!=", CompareOperator::unequal},
      {"<", CompareOperator::less},    {"<=", CompareOperator::less_equal},
      {">", CompareOperator::greater}, {">=", CompareOperator::greater_equal}};
  for (const auto& [text, op] : kOperators) {
    if (tokens_.skip_symbol(text)) return op;
  }
  if (tokens_.skip_name("in")) return CompareOperator::in;
  if (tokens_.is_name("not") && tokens_.ahead().kind == TokenKind::name &&
      tokens_.ahead().text == "in") {
    tokens_.take();
    tokens_.take();
    return CompareOperator::not_in;
  }
  return {};
}

ExpressionPtr ExpressionParser::parse_comparison() {
  const int line = tokens_.current().line;
  ExpressionPtr x = parse_sum();
  std::unique_ptr<Comparison> comparison;
  while (const auto op = take_compare_operator()) {
    if (comparison == nullptr) comparison = std::make_unique<Comparison>(line, std::move(x));
    comparison->rest.emplace_back(*op, parse_sum());
  }
  if (comparison != nullptr) return comparison;
  return x;
}

ExpressionPtr ExpressionParser::parse_sum() {
  const int line = tokens_.current().line;
  TokenStream::Nesting nesting(tokens_);
  ExpressionPtr x = parse_concatenation();
  while (tokens_.is_symbol("+") || tokens_.is_symbol("-")) {
    nesting.deepen();
    const auto op = tokens_.take().text == "+" ? BinaryOperator::add : BinaryOperator::subtract;
    x = std::make_unique<Binary>(line, op, std::move(x), parse_concatenation());
  }
  return x;
}

ExpressionPtr ExpressionParser::parse_concatenation() {
  const int line = tokens_.current().line;
  std::vector<ExpressionPtr> items;
  items.push_back(parse_product());
  while (tokens_.skip_symbol("~")) items.push_back(parse_product());
  if (items.size() == 1) return std::move(items[0]);
  return std::make_unique<Concatenation>(line, std::move(items));
}

ExpressionPtr ExpressionParser::parse_product() {
  static const std::pair<std::string_view, BinaryOperator> kOperators[] = {
      {"*", BinaryOperator::multiply},
      {"/", BinaryOperator::divide},
      {"//", BinaryOperator::floor_divide},
      {"%", BinaryOperator::modulo}};
  const int line = tokens_.current().line;
  TokenStream::Nesting nesting(tokens_);
  ExpressionPtr x = parse_power();
  while (true) {
    nesting.deepen();
    const auto* op =
        std::find_if(std::begin(kOperators), std::end(kOperators),
                     [&](const auto& entry) { return tokens_.is_symbol(entry.first); });
    if (op == std::end(kOperators)) return x;
    tokens_.take();
    x = std::make_unique<Binary>(line, op->second, std::move(x), parse_power());
  }
}

ExpressionPtr ExpressionParser::parse_power() {
  const int line = tokens_.current().line;
  TokenStream::Nesting nesting(tokens_);
  ExpressionPtr x = parse_unary(true);
  while (tokens_.skip_symbol("**")) {
    nesting.deepen();
    x = std::make_unique<Binary>(line, BinaryOperator::power, std::move(x), parse_unary(true));
  }
  return x;
}

ExpressionPtr ExpressionParser::parse_unary(bool filters) {
  const TokenStream::Nesting nesting(tokens_);
  const int line = tokens_.current().line;
  ExpressionPtr x;
  if (tokens_.skip_symbol("-")) {
    x = std::make_unique<Unary>(line, UnaryOperator::negative, parse_unary(false));
  } else if (tokens_.skip_symbol("+")) {
    x = std::make_unique<Unary>(line, UnaryOperator::positive, parse_unary(false));
  } else {
    x = parse_primary();
  }
  x = parse_postfix(std::move(x));
  if (filters) x = parse_filters(std::move(x));
  return x;
}

ExpressionPtr ExpressionParser::parse_primary() {
  const TokenStream::Nesting nesting(tokens_);
  const Token token = tokens_.current();
  switch (token.kind) {
    case TokenKind::name: {
      tokens_.take();
      const std::string& name = token.text;
      if (name == "true" || name == "True") return literal(token, true);
      if (name == "false" || name == "False") return literal(token, false);
      if (name == "none" || name == "None") return literal(token, Value());
      return std::make_unique<Name>(token.line, name);
    }
    case TokenKind::string: {
      std::string text;
      while (tokens_.is(TokenKind::string)) text += tokens_.take().text;
      return literal(token, std::move(text));
    }
    case TokenKind::integer:
      tokens_.take();
      return literal(token, integer_of(token));
    case TokenKind::real:
      tokens_.take();
      return literal(token, real_of(token));
    default:
      break;
  }
  if (tokens_.skip_symbol("(")) {
    ExpressionPtr x = parse_items(true, "", true);
    tokens_.expect_symbol(")");
    return x;
  }
  if (tokens_.is_symbol("[")) return parse_list();
  if (tokens_.is_symbol("{")) return parse_dict();
  tokens_.refuse_here("expected an expression, found {}", tokens_.described());
}

ExpressionPtr ExpressionParser::parse_list() {
  const int line = tokens_.take().line;
  std::vector<ExpressionPtr> items;
  while (!tokens_.is_symbol("]")) {
    if (!items.empty()) tokens_.expect_symbol(",");
    if (tokens_.is_symbol("]")) break;
    items.push_back(parse_expression());
  }
  tokens_.take();
  return std::make_unique<Sequence>(line, std::move(items), false);
}

ExpressionPtr ExpressionParser::parse_dict() {
  auto dict = std::make_unique<DictDisplay>(tokens_.take().line);
  while (!tokens_.is_symbol("}")) {
    if (!dict->items.empty()) tokens_.expect_symbol(",");
    if (tokens_.is_symbol("}")) break;
    ExpressionPtr key = parse_expression();
    tokens_.expect_symbol(":");
    dict->items.emplace_back(std::move(key), parse_expression());
  }
  tokens_.take();
  return dict;
}

ExpressionPtr ExpressionParser::parse_postfix(ExpressionPtr x) {
  TokenStream::Nesting nesting(tokens_);
  while (true) {
    nesting.deepen();
    const int line = tokens_.current().line;
    if (tokens_.skip_symbol(".")) {
      if (tokens_.is(TokenKind::integer)) {
        const Token token = tokens_.take();
        x = std::make_unique<Subscript>(line, std::move(x), literal(token, integer_of(token)));
      } else {
        x = std::make_unique<Attribute>(line, std::move(x), tokens_.expect_any_name());
      }
    } else if (tokens_.skip_symbol("[")) {
      x = parse_subscript(line, std::move(x));
    } else if (tokens_.is_symbol("(")) {
      x = std::make_unique<Call>(line, std::move(x), parse_arguments());
    } else {
      return x;
    }
  }
}

ExpressionPtr ExpressionParser::parse_subscript(int line, ExpressionPtr object) {
  ExpressionPtr first;
  if (!tokens_.is_symbol(":")) {
    first = parse_expression();
    if (tokens_.is_symbol(",")) {
      std::vector<ExpressionPtr> items;
      items.push_back(std::move(first));
      while (tokens_.skip_symbol(",")) {
        if (tokens_.is_symbol("]")) break;
        items.push_back(parse_expression());
      }
      first = std::make_unique<Sequence>(line, std::move(items), true);
    }
    if (tokens_.skip_symbol("]")) {
      return std::make_unique<Subscript>(line, std::move(object), std::move(first));
    }
  }
  auto slice = std::make_unique<Slice>(line, std::move(object));
  slice->begin = std::move(first);
  tokens_.expect_symbol(":");
  if (!tokens_.is_symbol(":") && !tokens_.is_symbol("]")) slice->end = parse_expression();
  if (tokens_.skip_symbol(":") && !tokens_.is_symbol("]")) slice->step = parse_expression();
  tokens_.expect_symbol("]");
  return slice;
}

CallArguments ExpressionParser::parse_arguments() {
  CallArguments arguments;
  tokens_.expect_symbol("(");
  bool first = true;
  while (!tokens_.is_symbol(")")) {
    if (!first) tokens_.expect_symbol(",");
    if (tokens_.is_symbol(")")) break;
    first = false;
    if (tokens_.skip_symbol("**")) {
      if (arguments.named_rest != nullptr) tokens_.refuse_here("a second **");
      arguments.named_rest = parse_expression();
    } else if (tokens_.skip_symbol("*")) {
      if (arguments.rest != nullptr) tokens_.refuse_here("a second *");
      arguments.rest = parse_expression();
    } else if (tokens_.is(TokenKind::name) && tokens_.ahead().kind == TokenKind::symbol &&
               tokens_.ahead().text == "=") {
      std::string name = tokens_.take().text;
      tokens_.take();
      arguments.named.emplace_back(std::move(name), parse_expression());
    } else {
      if (!arguments.named.empty() || arguments.named_rest != nullptr) {
        tokens_.refuse_here("an argument without a name follows one that has one");
      }
      arguments.positional.push_back(parse_expression());
    }
  }
  tokens_.take();
  return arguments;
}

ExpressionPtr ExpressionParser::parse_filters(ExpressionPtr x) {
  TokenStream::Nesting nesting(tokens_);
  while (true) {
    nesting.deepen();
    const int line = tokens_.current().line;
    if (tokens_.skip_symbol("|")) {
      x = parse_filter(std::move(x));
    } else if (tokens_.skip_name("is")) {
      x = parse_test(line, std::move(x));
    } else if (tokens_.is_symbol("(")) {
      x = std::make_unique<Call>(line, std::move(x), parse_arguments());
    } else {
      return x;
    }
  }
}

std::string ExpressionParser::parse_dotted_name() {
  std::string name = tokens_.expect_any_name();
  while (tokens_.skip_symbol(".")) name += "." + tokens_.expect_any_name();
  return name;
}

std::unique_ptr<Filter> ExpressionParser::parse_filter(ExpressionPtr x) {
  const Token token = tokens_.current();
  const std::string name = parse_dotted_name();
  const FilterFunction function = find_filter(name);
  if (function == nullptr) {
    refuse("line {}, column {}: no filter named '{}'", token.line, token.column, name);
  }
  CallArguments arguments;
  if (tokens_.is_symbol("(")) arguments = parse_arguments();
  return std::make_unique<Filter>(token.line, std::move(x), function, std::move(arguments));
}

ExpressionPtr ExpressionParser::parse_test(int line, ExpressionPtr x) {
  const bool negated = tokens_.skip_name("not");
  const Token token = tokens_.current();
  const std::string name = parse_dotted_name();
  const TestFunction function = find_test(name);
  if (function == nullptr) {
    refuse("line {}, column {}: no test named '{}'", token.line, token.column, name);
  }
  CallArguments arguments;
  static const std::set<std::string_view> kNoArgument = {"else", "or", "and"};
  if (tokens_.is_symbol("(")) {
    arguments = parse_arguments();
  } else if (tokens_.is_symbol("[") || tokens_.is_symbol("{") || tokens_.is(TokenKind::string) ||
             tokens_.is(TokenKind::integer) || tokens_.is(TokenKind::real) ||
             (tokens_.is(TokenKind::name) && kNoArgument.count(tokens_.current().text) == 0)) {
    if (tokens_.is_name("is")) tokens_.refuse_here("tests cannot be chained with 'is'");
    arguments.positional.push_back(parse_postfix(parse_primary()));
  }
  return std::make_unique<Test>(line, std::move(x), function, std::move(arguments), negated);
}

}  // namespace graft::jinja
