#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

namespace graft {

/// Reads one JSON text from front to back, without a tree: what a vocabulary of a hundred thousand
/// entries wants. Each call takes the next value; a value of another type, bad syntax, a lone
/// surrogate or nesting beyond kMaxDepth throws Error with the file and the byte.
class JsonReader {
 public:
  static constexpr int kMaxDepth = 64;

  /// `name` is what errors call the text. The text must be valid UTF-8 and outlive the reader.
  JsonReader(std::string_view text, std::string name) : text_(text), name_(std::move(name)) {}

  /// Calls on_member(key) for each member; it must take the value. The key is valid in the call.
  template <class F>
  void object(F&& on_member) {
    open('{');
    std::string buffer;
    for (bool first = true; !close('}', first); first = false) {
      std::string_view key = string(buffer);
      expect(':');
      on_member(key);
    }
    --depth_;
  }

  /// Calls on_element() for each element; it must take the value.
  template <class F>
  void array(F&& on_element) {
    open('[');
    for (bool first = true; !close(']', first); first = false) on_element();
    --depth_;
  }

  /// The next value, a string: a view of the text, or of `buffer` if it has escapes.
  std::string_view string(std::string& buffer);
  int64_t integer();

  /// The first character of the next value.
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  /// Where the reader stands in the text.
  const char* at() const { return text_.data() + at_; }

  /// Takes the next value, whatever it is, and returns its text.
  std::string_view skip();

  /// Throws unless only white space is left.
  void finish();

  [[noreturn]] void reject(std::string_view expected);

 private:
  void skip_space() {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c != ' ' && c != '\n' && c != '\r' && c != '\t') break;
      ++at_;
    }
  }
  void open(char bracket);
  bool close(char bracket, bool first) {
    if (peek() == bracket) {
      if (at_ == text_.size()) reject("a value");
      ++at_;
      return true;
    }
    if (!first) expect(',');
    return false;
  }
  void expect(char c) {
    if (peek() != c || at_ == text_.size()) reject_character(c);
    ++at_;
  }
  [[noreturn]] void reject_character(char expected);
  void skip_literal();
  uint32_t hex4();

  std::string_view text_;
  std::string name_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace graft
