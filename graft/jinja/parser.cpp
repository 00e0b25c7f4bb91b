#include "graft/jinja/parser.h"

#include <algorithm>
#include <set>

#include "graft/jinja/expression_parser.h"
#include "graft/jinja/token_stream.h"

namespace graft::jinja {
namespace {

class Parser {
 public:
  explicit Parser(std::string_view source) : tokens_(source), expressions_(tokens_) {}

  ParsedTemplate run() {
    Body body = parse_body({});
    return {std::move(body), has_generation_};
  }

 private:
  // Up to a statement that begins with one of `ends`; its name is then the current token.
  Body parse_body(const std::vector<std::string_view>& ends) {
    const TokenStream::Nesting nesting(tokens_);
    Body body;
    while (true) {
      switch (tokens_.current().kind) {
        case TokenKind::end:
          if (!ends.empty()) {
            tokens_.refuse_here("missing {{% {} %}} to close the '{}' of line {}", ends.back(),
                                open_.back().text, open_.back().line);
          }
          return body;
        case TokenKind::text:
          body.statements.push_back(
              std::make_unique<Text>(tokens_.current().line, tokens_.current().text));
          tokens_.take();
          break;
        case TokenKind::print_begin: {
          const int line = tokens_.take().line;
          body.statements.push_back(std::make_unique<Print>(line, expressions_.parse_tuple(true)));
          if (!tokens_.is(TokenKind::print_end)) {
            tokens_.refuse_here("expected '}}}}', found {}", tokens_.described());
          }
          tokens_.take();
          break;
        }
        default:
          tokens_.take();
          if (tokens_.is(TokenKind::name) &&
              std::find(ends.begin(), ends.end(), tokens_.current().text) != ends.end()) {
            return body;
          }
          body.statements.push_back(parse_statement());
      }
    }
  }

  Body parse_body_and_end(std::string_view end) {
    tokens_.expect_statement_end();
    Body body = parse_body({end});
    tokens_.take();
    tokens_.expect_statement_end();
    return body;
  }

  StatementPtr parse_statement() {
    if (!tokens_.is(TokenKind::name)) tokens_.expect_any_name();
    const Token keyword = tokens_.current();
    const std::string& name = keyword.text;
    if (name == "break" || name == "continue") return parse_jump();
    open_.push_back(tokens_.take());
    StatementPtr statement = parse_block(keyword);
    open_.pop_back();
    return statement;
  }

  StatementPtr parse_jump() {
    if (loops_ == 0) {
      tokens_.refuse_here("'{}' stands outside of a loop", tokens_.current().text);
    }
    const Token keyword = tokens_.take();
    tokens_.expect_statement_end();
    if (keyword.text == "break") return std::make_unique<Break>(keyword.line);
    return std::make_unique<Continue>(keyword.line);
  }

  StatementPtr parse_block(const Token& keyword) {
    const std::string& name = keyword.text;
    const int line = keyword.line;
    if (name == "if") return parse_if(line);
    if (name == "for") return parse_for(line);
    if (name == "set") return parse_set(line);
    if (name == "macro") return parse_macro(line);
    if (name == "call") return parse_call_block(line);
    if (name == "filter") return parse_filter_block(line);
    if (name == "with") return parse_with(line);
    if (name == "generation") {
      has_generation_ = true;
      auto block = std::make_unique<Generation>(line);
      block->body = parse_body_and_end("endgeneration");
      return block;
    }
    static const std::set<std::string_view> kOther = {
        "block", "extends", "include", "import", "from", "do", "trans", "autoescape", "debug"};
    refuse("line {}, column {}: {}", line, keyword.column,
           kOther.count(name) > 0 ? fmt::format("'{}' is not supported in chat templates", name)
                                  : fmt::format("unknown statement '{}'", name));
  }

  StatementPtr parse_if(int line) {
    auto node = std::make_unique<If>(line);
    ExpressionPtr test = expressions_.parse_tuple(false);
    while (true) {
      tokens_.expect_statement_end();
      Body body = parse_body({"elif", "else", "endif"});
      node->branches.emplace_back(std::move(test), std::move(body));
      if (tokens_.skip_name("elif")) {
        test = expressions_.parse_tuple(false);
      } else if (tokens_.skip_name("else")) {
        node->otherwise = parse_body_and_end("endif");
        return node;
      } else {
        tokens_.take();
        tokens_.expect_statement_end();
        return node;
      }
    }
  }

  StatementPtr parse_for(int line) {
    auto node = std::make_unique<For>(line);
    node->target = parse_target(false);
    tokens_.expect_name("in");
    node->items = expressions_.parse_tuple(false, "recursive");
    if (tokens_.skip_name("if")) node->condition = expressions_.parse_expression();
    node->recursive = tokens_.skip_name("recursive");
    tokens_.expect_statement_end();
    ++loops_;
    node->body = parse_body({"else", "endfor"});
    --loops_;
    if (tokens_.skip_name("else")) {
      node->otherwise = parse_body_and_end("endfor");
    } else {
      tokens_.take();
      tokens_.expect_statement_end();
    }
    return node;
  }

  StatementPtr parse_set(int line) {
    Target target = parse_target(true);
    if (tokens_.skip_symbol("=")) {
      auto node = std::make_unique<Set>(line, std::move(target), expressions_.parse_tuple(true));
      tokens_.expect_statement_end();
      return node;
    }
    auto node = std::make_unique<SetBlock>(line);
    node->target = std::move(target);
    while (tokens_.skip_symbol("|")) node->filters.push_back(expressions_.parse_filter(nullptr));
    node->body = parse_body_and_end("endset");
    return node;
  }

  Target parse_target(bool attributes) {
    Target first = parse_one_target(attributes);
    if (!tokens_.is_symbol(",")) return first;
    Target tuple;
    tuple.is_tuple = true;
    tuple.items.push_back(std::move(first));
    while (tokens_.skip_symbol(",")) {
      if (!tokens_.is(TokenKind::name) && !tokens_.is_symbol("(")) break;
      if (tokens_.is_name("in")) break;
      tuple.items.push_back(parse_one_target(attributes));
    }
    return tuple;
  }

  Target parse_one_target(bool attributes) {
    const TokenStream::Nesting nesting(tokens_);
    if (tokens_.skip_symbol("(")) {
      Target target = parse_target(false);
      tokens_.expect_symbol(")");
      return target;
    }
    Target target;
    static const std::set<std::string_view> kConstants = {"true", "false", "none",
                                                          "True", "False", "None"};
    if (kConstants.count(tokens_.current().text) > 0)
      tokens_.refuse_here("cannot assign to {}", tokens_.described());
    target.name = tokens_.expect_any_name();
    if (attributes && tokens_.skip_symbol(".")) target.attribute = tokens_.expect_any_name();
    return target;
  }

  void parse_parameters(MacroDefinition& macro) {
    tokens_.expect_symbol("(");
    while (!tokens_.is_symbol(")")) {
      if (!macro.parameters.empty()) tokens_.expect_symbol(",");
      std::string name = tokens_.expect_any_name();
      ExpressionPtr otherwise;
      if (tokens_.skip_symbol("=")) {
        otherwise = expressions_.parse_expression();
      } else if (!macro.parameters.empty() && macro.parameters.back().second != nullptr) {
        tokens_.refuse_here("a parameter without a default follows one that has one");
      }
      macro.parameters.emplace_back(std::move(name), std::move(otherwise));
    }
    tokens_.take();
  }

  void parse_macro_body(MacroDefinition& macro, std::string_view end) {
    const size_t begin = tokens_.position();
    const int loops = std::exchange(loops_, 0);
    macro.body = parse_body_and_end(end);
    loops_ = loops;
    macro.uses_varargs = tokens_.names_since(begin, "varargs");
    macro.uses_kwargs = tokens_.names_since(begin, "kwargs");
    macro.uses_caller = tokens_.names_since(begin, "caller");
  }

  StatementPtr parse_macro(int line) {
    auto node = std::make_unique<Macro>(line);
    node->definition.name = tokens_.expect_any_name();
    parse_parameters(node->definition);
    parse_macro_body(node->definition, "endmacro");
    return node;
  }

  StatementPtr parse_call_block(int line) {
    auto node = std::make_unique<CallBlock>(line);
    node->caller.name = "caller";
    if (tokens_.is_symbol("(")) parse_parameters(node->caller);
    ExpressionPtr call = expressions_.parse_expression();
    auto* as_call = dynamic_cast<Call*>(call.get());
    if (as_call == nullptr) tokens_.refuse_here("expected a call");
    call.release();
    node->call.reset(as_call);
    parse_macro_body(node->caller, "endcall");
    return node;
  }

  StatementPtr parse_filter_block(int line) {
    auto node = std::make_unique<FilterBlock>(line);
    do {
      node->filters.push_back(expressions_.parse_filter(nullptr));
    } while (tokens_.skip_symbol("|"));
    node->body = parse_body_and_end("endfilter");
    return node;
  }

  StatementPtr parse_with(int line) {
    auto node = std::make_unique<With>(line);
    while (!tokens_.is(TokenKind::statement_end)) {
      if (!node->values.empty()) tokens_.expect_symbol(",");
      Target target = parse_one_target(false);
      tokens_.expect_symbol("=");
      node->values.emplace_back(std::move(target), expressions_.parse_expression());
    }
    node->body = parse_body_and_end("endwith");
    return node;
  }

  TokenStream tokens_;
  ExpressionParser expressions_;
  std::vector<Token> open_;  // keywords of the blocks that are not closed yet
  int loops_ = 0;
  bool has_generation_ = false;
};

}  // namespace

ParsedTemplate parse(std::string_view source) { return Parser(source).run(); }

}  // namespace graft::jinja
