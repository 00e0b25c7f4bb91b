#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace graft::tokenizer {

/// Reads one JSON text from front to back without building a tree, which suits a vocabulary of a
/// hundred thousand entries. Each call takes the next value; a value of another type, bad syntax, a
/// lone surrogate or nesting beyond kMaxDepth throws Error with the file and the byte.
class JsonReader {
 public:
  static constexpr int kMaxDepth = 64;

  /// `name` is the name of the text in errors, `offset` where it begins in its file. The text must
  /// be valid UTF-8 and outlive the reader.
  JsonReader(std::string_view text, std::string name, size_t offset = 0)
      : text_(text), name_(std::move(name)), offset_(offset) {}

  /// Calls on_member(key) for each member; it must take the value. The key is valid only during the
  /// call.
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

  /// Calls on_element() for each of the remaining values, which are separated by commas: for part()
  /// of an array.
  template <class F>
  void elements(F&& on_element) {
    on_element();
    while (peek() != '\0' || at_ < text_.size()) {
      expect(',');
      on_element();
    }
  }

  /// The next value, a string: a view of the text, or of `buffer` if it has escapes.
  std::string_view string(std::string& buffer);
  int64_t integer();

  /// The first character of the next value.
  char peek() {
    skip_space();
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  /// An object or array that was passed over.
  struct Passed {
    static constexpr size_t kPartEntries = 4096;

    std::string_view text;
    size_t offset = 0;          ///< where it begins in the file
    size_t entries = 0;         ///< their apparent number
    std::vector<size_t> parts;  ///< where in `text` every kPartEntries-th entry begins

    /// The text of kPartEntries entries, or of the last ones, with the commas between them.
    std::string_view part(size_t index) const {
      size_t end = index + 1 < parts.size() ? parts[index + 1] : text.size();
      return text.substr(parts[index], end - 1 - parts[index]);
    }
  };

  /// Takes the next value, an object or array, looking only at quotes and brackets. Errors inside
  /// are found when its text is read.
  Passed pass();

  /// Takes the next value, of any type, and returns its text.
  std::string_view skip();

  /// Throws unless only white space is left.
  void finish();

  [[noreturn]] void reject(std::string_view expected);

 private:
  void skip_space() {
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '\n') {
        ++at_;
        skip_indent();
      } else if (c == ' ' || c == '\r' || c == '\t') {
        ++at_;
      } else {
        break;
      }
    }
  }
  // Most of a file may be indents.
  void skip_indent() {
    for (uint64_t word; text_.size() - at_ >= sizeof word; at_ += sizeof word) {
      std::memcpy(&word, text_.data() + at_, sizeof word);
      if ((word ^= kEach * ' ') == 0) continue;
      at_ += static_cast<size_t>(std::countr_zero(word)) / 8;
      return;
    }
  }
  void skip_plain();
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

  static constexpr uint64_t kEach = 0x0101010101010101;

  std::string_view text_;
  std::string name_;
  size_t offset_;
  size_t at_ = 0;
  int depth_ = 0;
};

}  // namespace graft::tokenizer
