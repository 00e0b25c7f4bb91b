#include "graft/jinja/token_stream.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>

namespace graft::jinja {

void TokenStream::expect_symbol(std::string_view text) {
  if (!skip_symbol(text)) refuse_here("expected '{}', found {}", text, described());
}

void TokenStream::expect_name(std::string_view text) {
  if (!skip_name(text)) refuse_here("expected '{}', found {}", text, described());
}

std::string TokenStream::expect_any_name() {
  if (!is(TokenKind::name)) refuse_here("expected a name, found {}", described());
  return take().text;
}

void TokenStream::expect_statement_end() {
  if (!is(TokenKind::statement_end)) {
    refuse_here("expected the end of the statement, found {}", described());
  }
  take();
}

std::string TokenStream::described() const {
  switch (current().kind) {
    case TokenKind::text:
      return "text";
    case TokenKind::statement_begin:
      return "'{%'";
    case TokenKind::statement_end:
      return "'%}'";
    case TokenKind::print_begin:
      return "'{{'";
    case TokenKind::print_end:
      return "'}}'";
    case TokenKind::string:
      return "a string";
    case TokenKind::end:
      return "the end of the template";
    default:
      return "'" + current().text + "'";
  }
}

bool TokenStream::names_since(size_t begin, std::string_view name) const {
  return std::any_of(tokens_.begin() + static_cast<std::ptrdiff_t>(begin),
                     tokens_.begin() + static_cast<std::ptrdiff_t>(at_),
                     [&](const Token& x) { return x.kind == TokenKind::name && x.text == name; });
}

void TokenStream::Nesting::deepen() {
  constexpr int kMost = 1000;
  constexpr int64_t kMostStack = int64_t{2}
                                 << 20;  // bytes; how many a level takes depends on the compiler
  const char* here = static_cast<const char*>(__builtin_frame_address(0));
  if (++tokens_.nesting_ > kMost || std::abs(tokens_.stack_begin_ - here) > kMostStack) {
    tokens_.refuse_here("nested too deep");
  }
}

}  // namespace graft::jinja
