#include "graft/data/conversion/conversion.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <utility>

#include "graft/base/error.h"
#include "graft/data/conversion/target_rows.h"
#include "graft/data/rows/row_reader.h"
#include "graft/data/rows/row_writer.h"

namespace graft::data {
namespace {

constexpr std::pair<const char*, TargetFormat> kTargets[] = {
    {"text", TargetFormat::text},
    {"pair", TargetFormat::pair},
    {"chat", TargetFormat::chat},
    {"sharegpt", TargetFormat::sharegpt},
    {"instruction", TargetFormat::instruction},
    {"preference", TargetFormat::preference}};

// The members of a row that its record was read from.
std::vector<std::string> read_members(const RecordFormat& format, const RowKeys& keys) {
  if (&format == &kTextFormat) return {keys.text.value_or("text")};
  if (&format == &kPairFormat) {
    return {keys.prompt.value_or("prompt"), keys.completion.value_or("completion")};
  }
  if (&format == &kChatFormat) return {keys.messages.value_or("messages")};
  if (&format == &kShareGptFormat) return {"conversations", "system"};
  if (&format == &kInstructionFormat) {
    return {"instruction", "input", "output", "system", "history"};
  }
  if (&format == &kPreferenceFormat) return {"prompt", "chosen", "rejected"};
  return {"prompt", "completion", "label"};
}

bool is_format(TargetFormat target, const RecordFormat& format) {
  switch (target) {
    case TargetFormat::text:
      return &format == &kTextFormat;
    case TargetFormat::pair:
      return &format == &kPairFormat;
    case TargetFormat::chat:
      return &format == &kChatFormat;
    case TargetFormat::sharegpt:
      return &format == &kShareGptFormat;
    case TargetFormat::instruction:
      return &format == &kInstructionFormat;
    case TargetFormat::preference:
      return &format == &kPreferenceFormat;
  }
  return false;
}

ordered_json target_row(const RecordContent& content, const ConversionOptions& options,
                        const std::string& where) {
  switch (options.to) {
    case TargetFormat::text:
      if (options.renderer == nullptr) {
        fail_usage("a text is what a model's chat template makes of a record: name a model");
      }
      return {{"text", options.renderer->render(content, where).text}};
    case TargetFormat::pair:
      return pair_row(content, where);
    case TargetFormat::chat:
      return chat_row(content, where);
    case TargetFormat::sharegpt:
      return sharegpt_row(content, where);
    case TargetFormat::instruction:
      return instruction_row(content, where);
    case TargetFormat::preference:
      break;
  }
  return preference_row(content, where);
}

}  // namespace

std::vector<std::string> target_format_names() {
  std::vector<std::string> names;
  for (const auto& [name, format] : kTargets) names.emplace_back(name);
  return names;
}

TargetFormat target_format_named(const std::string& name) {
  for (const auto& [known, format] : kTargets) {
    if (name == known) return format;
  }
  fail_usage("{} is none of {}", name, fmt::join(target_format_names(), ", "));
}

ordered_json converted(const ordered_json& row, const RecordFormat& format,
                       const ConversionOptions& options, const std::string& where) {
  const RecordContent content = read_record(row, format, options.keys, where);
  ordered_json result = target_row(content, options, where);
  const std::vector<std::string> read = read_members(format, options.keys);
  // A text has what these say in it.
  const bool rendered = options.to == TargetFormat::text;
  for (const auto& [key, value] : row.items()) {
    const bool of_template = key == "tools" || key == "documents" || key == "chat_template_kwargs";
    if (std::find(read.begin(), read.end(), key) != read.end() || result.contains(key)) continue;
    if (of_template ? rendered : options.only) continue;
    result[key] = value;
  }
  const RecordFormat& read_as = format_of(result, {}, where);
  if (!is_format(options.to, read_as)) {
    fail(
        "{}: with its other members it would be read as one of the format {} ({}): leave them out "
        "with `only`",
        where, read_as.name, read_as.fields);
  }
  return result;
}

ConversionCounts convert_rows(const DataFile& from, const fs::path& to,
                              const ConversionOptions& options, FrontEnd& front_end) {
  constexpr int64_t kRowsBetweenShows = 256;
  const auto reader = open_rows(from.path, from.name);
  const auto writer = create_rows(to);
  const RecordFormat* format = nullptr;
  ConversionCounts counts;
  int64_t rows = 0;
  for (RawRow row; reader->next(row);) {
    if (rows++ % kRowsBetweenShows == 0) {
      front_end.progress(
          {{reader->done(), {from.name, fmt::format("{} records", counts.written)}}});
      front_end.check_cancelled();
    }
    const std::string where = fmt::format("{}:{}", from.name, row.line);
    try {
      const ordered_json object = reader->parse(row);
      if (format == nullptr) format = &format_of(object, options.keys, where);
      writer->write(converted(object, *format, options, where), where);
      ++counts.written;
    } catch (const UsageError&) {
      throw;
    } catch (const Error& error) {
      if (!options.skip) throw;
      if (counts.skipped++ == 0) counts.first_skipped = error.what();
    }
  }
  front_end.progress({});
  if (counts.written == 0) {
    fail("{}: {}", from.name,
         counts.skipped == 0 ? "it holds no records"
                             : fmt::format("none of {} records can be converted: {}",
                                           counts.skipped, counts.first_skipped));
  }
  writer->finish();
  return counts;
}

}  // namespace graft::data
