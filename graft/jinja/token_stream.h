#pragma once

#include <fmt/format.h>

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "graft/jinja/error.h"
#include "graft/jinja/lexer.h"

namespace graft::jinja {

/// The tokens of a template, one after the other.
class TokenStream {
 public:
  explicit TokenStream(std::string_view source)
      : tokens_(tokenize(source)),
        stack_begin_(static_cast<const char*>(__builtin_frame_address(0))) {}

  const Token& current() const { return tokens_[at_]; }
  const Token& ahead() const { return tokens_[at_ + 1 < tokens_.size() ? at_ + 1 : at_]; }
  /// Returns the current token and moves on; the stream stays at its last token, the end.
  Token take() { return tokens_[at_ + 1 < tokens_.size() ? at_++ : at_]; }

  bool is(TokenKind kind) const { return current().kind == kind; }
  bool is_symbol(std::string_view text) const {
    return is(TokenKind::symbol) && current().text == text;
  }
  bool is_name(std::string_view text) const {
    return is(TokenKind::name) && current().text == text;
  }
  bool skip_symbol(std::string_view text) { return is_symbol(text) && (take(), true); }
  bool skip_name(std::string_view text) { return is_name(text) && (take(), true); }

  void expect_symbol(std::string_view text);
  void expect_name(std::string_view text);
  std::string expect_any_name();
  void expect_statement_end();

  /// Describes the current token, for an error.
  std::string described() const;

  /// Throws TemplateError at the current token.
  template <class... Args>
  [[noreturn]] void refuse_here(fmt::format_string<Args...> format, Args&&... args) const {
    refuse("line {}, column {}: {}", current().line, current().column,
           fmt::format(format, std::forward<Args>(args)...));
  }

  /// Whether one of the tokens from `begin` (a position()) to here is this name.
  bool names_since(size_t begin, std::string_view name) const;
  size_t position() const { return at_; }

  /// Counts a parser's depth: nested statements and expressions, and operators in a row, each of
  /// which holds those before it. The code that parses, runs and destroys the nodes recurses as
  /// deep.
  class Nesting {
   public:
    explicit Nesting(TokenStream& tokens) : tokens_(tokens), before_(tokens.nesting_) { deepen(); }
    ~Nesting() { tokens_.nesting_ = before_; }
    Nesting(const Nesting&) = delete;
    Nesting& operator=(const Nesting&) = delete;
    /// One more operator in a row.
    void deepen();

   private:
    TokenStream& tokens_;
    int before_;
  };

 private:
  std::vector<Token> tokens_;
  const char* stack_begin_;
  size_t at_ = 0;
  int nesting_ = 0;
};

}  // namespace graft::jinja
