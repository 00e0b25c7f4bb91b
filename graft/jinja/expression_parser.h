#pragma once

#include <string_view>

#include "graft/jinja/expressions.h"
#include "graft/jinja/token_stream.h"

namespace graft::jinja {

/// Reads expressions from the stream, with Jinja's precedence of operators. Throws TemplateError at
/// the token that does not fit.
class ExpressionParser {
 public:
  explicit ExpressionParser(TokenStream& tokens) : tokens_(tokens) {}

  ExpressionPtr parse_expression();

  /// An expression, or several with commas between them and without brackets: a tuple. Without
  /// `conditionals` an `if` ends it, as does the name `end_name`.
  ExpressionPtr parse_tuple(bool conditionals, std::string_view end_name = "");

  /// A filter after its bar, applied to x or, if x is null, to the text of a block.
  std::unique_ptr<Filter> parse_filter(ExpressionPtr x);

 private:
  ExpressionPtr parse_items(bool conditionals, std::string_view end_name, bool in_brackets);
  bool is_tuple_end(std::string_view end_name) const;
  ExpressionPtr parse_or();
  ExpressionPtr parse_and();
  ExpressionPtr parse_not();
  std::optional<CompareOperator> take_compare_operator();
  ExpressionPtr parse_comparison();
  ExpressionPtr parse_sum();
  ExpressionPtr parse_concatenation();
  ExpressionPtr parse_product();
  ExpressionPtr parse_power();
  ExpressionPtr parse_unary(bool filters);
  ExpressionPtr parse_primary();
  ExpressionPtr parse_list();
  ExpressionPtr parse_dict();
  ExpressionPtr parse_postfix(ExpressionPtr x);
  ExpressionPtr parse_subscript(int line, ExpressionPtr object);
  ExpressionPtr parse_filters(ExpressionPtr x);
  ExpressionPtr parse_test(int line, ExpressionPtr x);
  CallArguments parse_arguments();
  std::string parse_dotted_name();

  TokenStream& tokens_;
};

}  // namespace graft::jinja
