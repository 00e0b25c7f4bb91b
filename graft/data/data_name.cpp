#include "graft/data/data_name.h"

#include <charconv>
#include <cmath>
#include <regex>

#include "graft/base/error.h"
#include "graft/base/files.h"

namespace graft::data {
namespace {

int64_t integer_of(const std::string& text) {
  int64_t number = 0;
  std::from_chars(text.data(), text.data() + text.size(), number);
  return number;
}

// Takes ":number" off the end of a name.
std::optional<double> take_weight(std::string& name, const std::string& whole) {
  static const std::regex form("^(.+):([-+]?[0-9]*\\.?[0-9]+(?:[eE][-+]?[0-9]+)?|nan|inf)$");
  std::smatch match;
  if (!std::regex_match(name, match, form)) return {};
  const double weight = std::strtod(match[2].str().c_str(), nullptr);
  if (!(weight > 0) || !std::isfinite(weight)) {
    fail_usage("`data` {}: a weight is above 0: leave the data set out instead", whole);
  }
  name = match[1];
  return weight;
}

void set(DataName& data, const std::string& key, const std::string& value) {
  if (value.empty()) fail_usage("`data` {}: {} is empty", data.text, key);
  if (key == "config") {
    data.config = value;
  } else if (key == "train" || key == "valid" || key == "test") {
    data.splits[key] = SplitPart::parse(value);
  } else if (key == "text") {
    data.keys.text = value;
  } else if (key == "prompt") {
    data.keys.prompt = value;
  } else if (key == "completion") {
    data.keys.completion = value;
  } else if (key == "messages") {
    data.keys.messages = value;
  } else {
    fail_usage(
        "`data` {}: {} is none of config, train, valid, test, text, prompt, completion, messages",
        data.text, key);
  }
}

void set_all(DataName& data, const std::string& query) {
  for (size_t begin = 0; begin <= query.size();) {
    const size_t end = std::min(query.find('&', begin), query.size());
    const std::string part = query.substr(begin, end - begin);
    const size_t equals = part.find('=');
    if (equals == std::string::npos) {
      fail_usage("`data` {}: behind ? stand key=value, with & between them", data.text);
    }
    set(data, part.substr(0, equals), part.substr(equals + 1));
    begin = end + 1;
  }
}

}  // namespace

SplitPart SplitPart::parse(const std::string& text) {
  static const std::regex form(
      "^([A-Za-z0-9._]+)(?:\\[(?:(-?[0-9]{1,15})(%?))?:(?:(-?[0-9]{1,15})(%?))?\\])?$");
  std::smatch match;
  if (!std::regex_match(text, match, form)) {
    fail_usage("{} is no part of a split, as train, train[:80%] and train[100:200] are", text);
  }
  SplitPart part{.split = match[1]};
  if (match[2].matched) part.slice.begin = integer_of(match[2]);
  if (match[4].matched) part.slice.end = integer_of(match[4]);
  const bool first = match[3].length() > 0, second = match[5].length() > 0;
  part.slice.in_percent = first || second;
  const bool mixed = match[2].matched && match[4].matched && first != second;
  if (mixed) fail_usage("{}: both bounds are in percent, or neither", text);
  return part;
}

DataName DataName::parse(const std::string& text) {
  DataName data{.text = text, .name = text};
  if (is_there(text)) return data;
  data.weight = take_weight(data.name, text);
  if (is_there(data.name)) return data;
  const size_t query = data.name.find('?');
  if (query == std::string::npos) return data;
  const std::string rest = data.name.substr(query + 1);
  data.name.resize(query);
  set_all(data, rest);
  return data;
}

}  // namespace graft::data
