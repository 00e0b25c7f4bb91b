#include "graft/data/records/formats.h"

#include <fmt/ranges.h>

#include <algorithm>

#include "graft/base/error.h"

namespace graft::data {
namespace {

constexpr size_t kMostNames = 20;  // of a row's keys, in a message

std::string keys_text(const ordered_json& row) {
  std::vector<std::string> names;
  for (const auto& [key, value] : row.items()) {
    if (names.size() == kMostNames) break;
    names.push_back(key);
  }
  return names.empty() ? "it has no keys" : fmt::format("its keys are {}", fmt::join(names, ", "));
}

const RecordFormat* find_format(const ordered_json& row, const RowKeys& keys) {
  const auto& all = record_formats();
  const auto found = std::find_if(
      all.begin(), all.end(), [&](const RecordFormat* format) { return format->fits(row, keys); });
  return found == all.end() ? nullptr : *found;
}

// What a key that is given says the format is.
const RecordFormat* named_format(const RowKeys& keys) {
  if (keys.messages) return &kChatFormat;
  if (keys.prompt || keys.completion) return &kPairFormat;
  return keys.text ? &kTextFormat : nullptr;
}

std::string wanted_keys(const RecordFormat& format, const RowKeys& keys) {
  if (&format == &kChatFormat && keys.messages) return *keys.messages;
  if (&format == &kTextFormat && keys.text) return *keys.text;
  if (&format == &kPairFormat && keys.any()) {
    return keys.prompt.value_or("prompt") + ", " + keys.completion.value_or("completion");
  }
  return format.fields;
}

}  // namespace

const std::vector<const RecordFormat*>& record_formats() {
  static const std::vector<const RecordFormat*> all = {
      &kPreferenceFormat, &kLabelledFormat,    &kPairFormat, &kChatFormat,
      &kShareGptFormat,   &kInstructionFormat, &kTextFormat};
  return all;
}

const RecordFormat& format_of(const ordered_json& row, const RowKeys& keys,
                              const std::string& where) {
  if (const RecordFormat* named = named_format(keys)) {
    if (named->fits(row, keys)) return *named;
    fail("{}: there is no {}: {}", where, wanted_keys(*named, keys), keys_text(row));
  }
  if (const RecordFormat* found = find_format(row, keys)) return *found;
  std::vector<std::string> known;
  for (const RecordFormat* format : record_formats()) {
    known.push_back(fmt::format("{} ({})", format->name, format->fields));
  }
  fail(
      "{}: a record of no known format: {}. There are {}; `text_key`, `prompt_key`, "
      "`completion_key` and `messages_key` name other keys",
      where, keys_text(row), fmt::join(known, ", "));
}

RecordContent read_record(ordered_json row, const RecordFormat& format, const RowKeys& keys,
                          const std::string& where) {
  if (format.fits(row, keys)) return format.read(row, keys, where);
  const RecordFormat* other = keys.any() ? nullptr : find_format(row, keys);
  if (other == nullptr) {
    fail("{}: the data set's records are of the format {} ({}), and this one is not: {}", where,
         format.name, wanted_keys(format, keys), keys_text(row));
  }
  fail(
      "{}: a record of the format {} ({}), where the data set's first one is of the format {} ({})",
      where, other->name, other->fields, format.name, wanted_keys(format, keys));
}

}  // namespace graft::data
