#include "graft/data/option_names.h"

#include <fmt/ranges.h>

#include "graft/base/error.h"

namespace graft::data {
namespace {

template <class Value>
using NameTable = std::vector<std::pair<std::string, Value>>;

const NameTable<tokenizer::TrainOn>& train_on_table() {
  using tokenizer::TrainOn;
  static const NameTable<TrainOn> table = {{"all", TrainOn::all},
                                           {"completion", TrainOn::completion},
                                           {"assistant", TrainOn::assistant},
                                           {"last", TrainOn::last}};
  return table;
}

const NameTable<Overlong>& overlong_table() {
  static const NameTable<Overlong> table = {{"truncate", Overlong::truncate},
                                            {"drop", Overlong::drop},
                                            {"split", Overlong::split},
                                            {"error", Overlong::error}};
  return table;
}

template <class Value>
std::vector<std::string> names_in(const NameTable<Value>& table) {
  std::vector<std::string> names;
  for (const auto& [name, value] : table) names.push_back(name);
  return names;
}

template <class Value>
Value value_in(const NameTable<Value>& table, const char* option, const std::string& wanted) {
  for (const auto& [name, value] : table) {
    if (name == wanted) return value;
  }
  fail_usage("`{}` {}: there are {}", option, wanted, fmt::join(names_in(table), ", "));
}

template <class Value>
std::string name_in(const NameTable<Value>& table, Value wanted) {
  for (const auto& [name, value] : table) {
    if (value == wanted) return name;
  }
  return "";
}

}  // namespace

std::vector<std::string> train_on_names() { return names_in(train_on_table()); }
std::vector<std::string> overlong_names() { return names_in(overlong_table()); }

tokenizer::TrainOn train_on_named(const std::string& name) {
  return value_in(train_on_table(), "train_on", name);
}
Overlong overlong_named(const std::string& name) {
  return value_in(overlong_table(), "overlong", name);
}

std::string name_of(tokenizer::TrainOn on) { return name_in(train_on_table(), on); }
std::string name_of(Overlong overlong) { return name_in(overlong_table(), overlong); }

}  // namespace graft::data
