#include "graft/io/yaml.h"

#include <fmt/format.h>
#include <yaml-cpp/depthguard.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <optional>
#include <string_view>

#include "graft/base/error.h"
#include "graft/io/yaml_scalar.h"
#include "graft/unicode/unicode.h"

namespace graft::io {
namespace {

constexpr size_t kMostYamlBytes = size_t{1} << 20;
constexpr int kMostDepth = 32;
constexpr int kMostValues = 10000;  // aliases can make very many of a few

int line_of(const YAML::Mark& mark) { return mark.line + 1; }

// YAML's own, by what stands behind "tag:yaml.org,2002:".
std::optional<ordered_json> tagged(const std::string& tag, const std::string& text) {
  const ordered_json plain = plain_scalar(text);
  if (tag == "str") return text;
  if (tag == "null" && plain.is_null()) return plain;
  if (tag == "bool" && plain.is_boolean()) return plain;
  if (tag == "int" && plain.is_number_integer()) return plain;
  if (tag == "float" && plain.is_number()) return plain.get<double>();
  return {};
}

// Copies yaml-cpp's nodes, which share what aliases name, into values of their own.
class YamlReader {
 public:
  explicit YamlReader(std::string file) : file_(std::move(file)) {}

  YamlValue value(const YAML::Node& node, int depth) {
    const int line = line_of(node.Mark());
    if (++values_ > kMostValues) {
      refuse(line, "more than {} values, aliases counted", kMostValues);
    }
    if (depth > kMostDepth) refuse(line, "nested more than {} deep", kMostDepth);
    YamlValue result;
    result.line = line;
    if (node.IsSequence()) {
      result.kind = YamlValue::Kind::list;
      for (const YAML::Node& item : node) result.items.push_back(value(item, depth + 1));
    } else if (node.IsMap()) {
      result.kind = YamlValue::Kind::map;
      result.entries = entries(node, depth);
    } else if (node.IsScalar()) {
      result.scalar = scalar(node);
      if (result.scalar.is_boolean()) result.word = node.Scalar();
    }
    return result;
  }

  template <class... Args>
  [[noreturn]] void refuse(int line, fmt::format_string<Args...> text, Args&&... args) const {
    fail("{}:{}: {}", file_, line, fmt::format(text, std::forward<Args>(args)...));
  }

 private:
  std::vector<YamlEntry> entries(const YAML::Node& map, int depth) {
    std::vector<YamlEntry> result;
    std::vector<YamlEntry> merged;
    std::map<std::string, int> lines;
    for (const auto& pair : map) {
      const int line = line_of(pair.first.Mark());
      if (!pair.first.IsScalar()) refuse(line, "a key that is no text");
      const std::string key = pair.first.Scalar();
      if (std::any_of(key.begin(), key.end(), [](unsigned char c) { return c < ' '; })) {
        refuse(line, "a key with a control character");
      }
      const auto [other, is_new] = lines.insert({key, line});
      if (!is_new) refuse(line, "{} stands in line {}, too", key, other->second);
      YamlValue held = value(pair.second, depth + 1);
      if (key == "<<" && pair.first.Tag() == "?") {
        merge(held, merged);
      } else {
        result.push_back({key, line, std::move(held)});
      }
    }
    for (YamlEntry& entry : merged) add_missing(std::move(entry), result);
    return result;
  }

  // The first map of a list wins.
  void merge(YamlValue& value, std::vector<YamlEntry>& merged) const {
    if (value.kind == YamlValue::Kind::list) {
      for (YamlValue& item : value.items) {
        if (item.kind != YamlValue::Kind::map) refuse(item.line, "<< takes maps");
        merge(item, merged);
      }
      return;
    }
    if (value.kind != YamlValue::Kind::map) refuse(value.line, "<< takes a map");
    for (YamlEntry& entry : value.entries) add_missing(std::move(entry), merged);
  }

  static void add_missing(YamlEntry entry, std::vector<YamlEntry>& entries) {
    const bool there = std::any_of(entries.begin(), entries.end(),
                                   [&](const YamlEntry& e) { return e.key == entry.key; });
    if (!there) entries.push_back(std::move(entry));
  }

  ordered_json scalar(const YAML::Node& node) const {
    const std::string &text = node.Scalar(), &tag = node.Tag();
    if (tag == "?") return plain_scalar(text);
    if (tag == "!" || tag.empty()) return text;  // in quotes, or of several lines
    constexpr std::string_view kOwn = "tag:yaml.org,2002:";
    if (tag.starts_with(kOwn)) {
      if (const auto found = tagged(tag.substr(kOwn.size()), text)) return *found;
    }
    refuse(line_of(node.Mark()), "the tag {} is not known here", tag);
  }

  std::string file_;
  int values_ = 0;
};

// YAML has blanks alone before a line's first word and behind a colon; yaml-cpp is lenient there,
// and other programs are not.
void check_characters(const std::string& text, const YamlReader& reader, bool is_json) {
  int line = 1;
  size_t start = 0;
  if (const size_t valid = unicode::valid_prefix(text); valid != text.size()) {
    line += static_cast<int>(
        std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(valid), '\n'));
    reader.refuse(line, "a byte that is no UTF-8");
  }
  while (start < text.size()) {
    const size_t end = std::min(text.find('\n', start), text.size());
    const std::string_view content = std::string_view(text).substr(start, end - start);
    const size_t word = content.find_first_not_of(" \t\r");
    const bool blank = word == std::string_view::npos || content[word] == '#';
    const size_t colon = content.find(":\t");
    const bool in_quotes = content.substr(0, colon).find_first_of("\"'") != std::string_view::npos;
    if (!blank && !is_json &&
        (content.substr(0, word).find('\t') != std::string_view::npos ||
         (colon != std::string_view::npos && !in_quotes))) {
      reader.refuse(line, "a tab: YAML takes blanks there");
    }
    start = end + 1;
    ++line;
  }
}

}  // namespace

ordered_json YamlValue::json() const {
  if (kind == Kind::scalar) return scalar;
  if (kind == Kind::list) {
    ordered_json list = ordered_json::array();
    for (const YamlValue& item : items) list.push_back(item.json());
    return list;
  }
  ordered_json map = ordered_json::object();
  for (const YamlEntry& entry : entries) map[entry.key] = entry.value.json();
  return map;
}

ordered_json YamlValue::written() const {
  if (kind == Kind::list) {
    ordered_json list = ordered_json::array();
    for (const YamlValue& item : items) list.push_back(item.written());
    return list;
  }
  if (word.empty()) return json();
  std::string small = word;
  std::transform(small.begin(), small.end(), small.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return small;
}

YamlValue read_yaml_map(const fs::path& path) {
  return parse_yaml_map(read_text(path, kMostYamlBytes), path.string());
}

YamlValue parse_yaml_map(const std::string& text, const std::string& file) {
  YamlReader reader(file);
  check_characters(text, reader, text.starts_with('{'));
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1) {
      reader.refuse(line_of(documents[1].Mark()), "a second document: settings are one");
    }
    if (documents.empty() || !documents[0].IsMap()) {
      fail("{}: it is no map of settings, such as \"iters: 600\"", file);
    }
    return reader.value(documents[0], 0);
  } catch (const YAML::DeepRecursion& error) {
    reader.refuse(line_of(error.mark), "nested too deeply");
  } catch (const YAML::Exception& error) {
    reader.refuse(line_of(error.mark), "this is no YAML: {}", error.msg);
  }
}

std::string yaml_text(const ordered_json& settings) {
  std::string text;
  const auto replace = ordered_json::error_handler_t::replace;
  for (const auto& [name, value] : settings.items()) {
    text += fmt::format("{}: {}\n", name, value.dump(-1, ' ', false, replace));
  }
  return text;
}

}  // namespace graft::io
