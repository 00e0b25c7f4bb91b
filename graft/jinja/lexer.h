#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace graft::jinja {

enum class TokenKind {
  text,             ///< output as it stands
  statement_begin,  ///< {%
  statement_end,    ///< %}
  print_begin,      ///< {{
  print_end,        ///< }}
  name,
  string,
  integer,
  real,
  symbol,  ///< an operator, a bracket, a comma
  end
};

struct Token {
  TokenKind kind;
  std::string text;  ///< for a string, its value
  int line, column;  ///< from 1
};

/// The tokens of a template, whose text must be valid UTF-8, with Jinja's white space control as
/// transformers sets it (trim_blocks and lstrip_blocks). Comments are dropped, raw blocks are text.
/// Throws TemplateError with the line and the column.
std::vector<Token> tokenize(std::string_view source);

}  // namespace graft::jinja
