#include "graft/gguf/ollama_template.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "graft/tokenizer/chat_probe.h"

namespace graft::gguf {
namespace {

namespace probe = tokenizer::probe;

// What stands between the words of a chat.
std::optional<std::vector<std::string>> between(const std::string& text,
                                                const std::vector<std::string>& words) {
  std::vector<std::string> parts;
  size_t begin = 0;
  for (const std::string& word : words) {
    const size_t at = text.find(word, begin);
    if (at == std::string::npos) return {};
    parts.push_back(text.substr(begin, at - begin));
    begin = at + word.size();
  }
  parts.push_back(text.substr(begin));
  return parts;
}

// A text as Go's template writes it: a string of an action where braces begin one.
std::string literal(const std::string& text) {
  const bool is_plain = text.find("{{") == std::string::npos && !text.ends_with('{') &&
                        text.find("\"\"\"") == std::string::npos;
  if (is_plain) return text;
  std::string quoted;
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    if (c == '\n') {
      quoted += "\\n";
    } else {
      quoted += c;
    }
  }
  return "{{ \"" + quoted + "\" }}";
}

class Form {
 public:
  explicit Form(const tokenizer::ChatTemplate& chat) : chat_(chat) {}

  // What stands around the words of a chat whose messages are of these roles, with an answer to
  // come; nothing if the template refuses it, or has them in another order.
  std::optional<std::vector<std::string>> parts(const std::vector<std::string>& roles) const {
    const auto text = text_of(roles);
    return text ? between(*text, words_of(roles)) : std::nullopt;
  }

  bool takes(const std::vector<std::string>& roles) const { return text_of(roles).has_value(); }

 private:
  static std::vector<std::string> words_of(const std::vector<std::string>& roles) {
    std::vector<std::string> words;
    for (const std::string& role : roles) {
      words.push_back(probe::word(fmt::format("{}{}", role, words.size())));
    }
    return words;
  }

  std::optional<std::string> text_of(const std::vector<std::string>& roles) const {
    ordered_json messages = ordered_json::array();
    const std::vector<std::string> words = words_of(roles);
    for (size_t i = 0; i < roles.size(); ++i) {
      messages.push_back(probe::message(roles[i], words[i]));
    }
    return probe::text(chat_, probe::variables(messages, false, true));
  }

  const tokenizer::ChatTemplate& chat_;
};

std::string without(std::string text, const std::string& begin) {
  if (!begin.empty() && text.starts_with(begin)) text.erase(0, begin.size());
  return text;
}

}  // namespace

std::optional<std::string> ollama_template(const tokenizer::ChatTemplate& chat,
                                           const std::string& begin) {
  if (chat.asks_for_the_day()) return {};  // that of the export would stand there for good
  const Form form(chat);
  // Every place is seen where it stands alone and among others: it must be written alike.
  const auto one = form.parts({"user"});
  const auto three = form.parts({"user", "assistant", "user"});
  const auto five = form.parts({"user", "assistant", "user", "assistant", "user"});
  if (!one || !three || !five) return {};
  const std::string before_user = one->at(0), after_user = one->at(1), after_answer = three->at(2);
  // What stands before an answer that is there and not yet to be given: "[/INST]" and a blank.
  if (!three->at(1).starts_with(after_user)) return {};
  const std::string before_answer = three->at(1).substr(after_user.size());
  const auto is = [&](const std::vector<std::string>& parts, size_t first) {
    for (size_t i = first; i < parts.size(); ++i) {
      const bool last = i + 1 == parts.size(), user = (i - first) % 2 == 0;
      const std::string expected = last   ? after_user
                                   : user ? after_user + before_answer
                                          : after_answer;
      if (parts[i] != expected) return false;
    }
    return true;
  };
  if (three->at(0) != before_user || five->at(0) != before_user || !is(*three, 1) ||
      !is(*five, 1)) {
    return {};
  }
  std::string text = "{{ range $i, $m := .Messages }}";
  const auto system = form.parts({"system", "user"});
  const auto longer = form.parts({"system", "user", "assistant", "user"});
  if (form.takes({"system", "user"})) {
    if (!system || !longer) return {};  // it stands elsewhere
    if (system->at(0) != longer->at(0) || system->at(1) != longer->at(1) || !is(*system, 2) ||
        !is(*longer, 2)) {
      return {};
    }
    text += fmt::format("{{{{ if eq $m.Role \"system\" }}}}{}{{{{ $m.Content }}}}{}{{{{ end }}}}",
                        literal(without(system->at(0), begin)), literal(system->at(1)));
  }
  text += fmt::format(
      "{{{{ if eq $m.Role \"user\" }}}}{{{{ if eq $i 0 }}}}{}{{{{ end }}}}{{{{ $m.Content }}}}{}"
      "{{{{ end }}}}",
      literal(without(before_user, begin)), literal(after_user));
  text += fmt::format(
      "{{{{ if eq $m.Role \"assistant\" }}}}{}{{{{ $m.Content }}}}{}{{{{ end }}}}{{{{ end }}}}",
      literal(before_answer), literal(after_answer));
  return text;
}

std::optional<std::string> in_three_quotes(const std::string& text) {
  constexpr std::string_view kQuotes = "\"\"\"";
  if (text.find(kQuotes) != std::string::npos || text.ends_with('"')) return {};
  return fmt::format("{}{}{}", kQuotes, text, kQuotes);
}

}  // namespace graft::gguf
