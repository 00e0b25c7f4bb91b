#include "graft/evaluation/text.h"

#include <algorithm>

#include "graft/unicode/unicode.h"

namespace graft::evaluation {

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpaces = " \t\r\n\f\v";
  const size_t begin = text.find_first_not_of(kSpaces);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpaces) - begin + 1);
}

std::vector<std::string> normalized_words(std::string_view text) {
  const std::string whole = unicode::replace_invalid(text);
  std::vector<std::string> words;
  std::string word;
  const auto end_word = [&] {
    if (!word.empty() && word != "a" && word != "an" && word != "the") words.push_back(word);
    word.clear();
  };
  for (size_t i = 0; i < whole.size();) {
    const auto [value, size] = unicode::decode(whole.data() + i);
    i += size;
    const unicode::Properties properties = unicode::properties_of(value);
    if (properties.in(unicode::kSpaces)) {
      end_word();
    } else if (!properties.in(unicode::kPunctuation) &&
               !(value < 128 && properties.in(unicode::kSymbols))) {
      unicode::append_lower(word, value);
    }
  }
  end_word();
  return words;
}

std::string sql_quoted(std::string_view text, char quote) {
  std::string result(1, quote);
  for (const char c : text) result.append(c == quote ? 2 : 1, c);
  return result + quote;
}

std::string ascii_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

}  // namespace graft::evaluation
