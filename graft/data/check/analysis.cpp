#include "graft/data/check/analysis.h"

#include <fmt/format.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/data/check/secrets.h"
#include "graft/data/check/shingles.h"
#include "graft/unicode/unicode.h"

namespace graft::data::check {
namespace {

RecordContent as_content(const AnswerRecord& answer) {
  return std::visit([](const auto& record) { return RecordContent(record); }, answer);
}

int64_t characters_of(std::string_view text) {
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

// Its texts, where there is no model to say how they are put together.
std::vector<ShownExample> shown_texts(const RecordView& view) {
  std::vector<ShownExample> examples;
  for (size_t i = 0; i < std::max<size_t>(view.answers.size(), 1); ++i) {
    ShownExample example;
    if (view.answers.size() == 2) example.name = i == 0 ? "chosen" : "rejected";
    const auto add = [&](const std::vector<Part>& parts, bool answer) {
      for (const Part& part : parts) {
        const std::string& label = part.role.empty() ? part.place : part.role;
        if (!view.is_text) example.runs.push_back({label + ": ", false, true});
        const bool trained = part.role.empty() ? answer : part.role == "assistant";
        const char* between = part.text.empty() || part.more.empty() ? "" : " ";
        example.runs.push_back({part.text + between + part.more, trained, false});
        example.runs.push_back({"\n", false, false});
      }
    };
    add(view.prompt, false);
    if (i < view.answers.size()) add(view.answers[i], true);
    example.runs = masked(std::move(example.runs));
    examples.push_back(std::move(example));
  }
  return examples;
}

int64_t trained_of(const Example& example, size_t end) {
  if (example.weights.empty()) return static_cast<int64_t>(std::max<size_t>(end, 1) - 1);
  int64_t count = 0;
  for (size_t i = 1; i < end; ++i) count += example.weights[i] != 0 ? 1 : 0;
  return count;
}

}  // namespace

const Kind kBrokenRecord = {"broken_record", "records that cannot be read",
                            "a training stops at the first"};
const Kind kRefused = {"refused_record", "records that cannot be rendered",
                       "a training stops at the first"};
const Kind kBeyondVocabulary = {"beyond_vocabulary", "records with tokens that the model lacks",
                                "its tokenizer has more than it: a training stops at the first"};
const Kind kUnwrittenCalls = {
    "unwritten_calls", "tool calls that the chat template does not write",
    "a model does not see them: of such a turn often only its end is trained"};
const Kind kUntrained = {"untrained", "records without a token to train on",
                         "a training leaves them out"};
const Kind kTooLong = {"too_long", "records that are too long",
                       "a training cuts them, splits them or leaves them out"};

Analyzer::Analyzer(const Encoder* encoder) : encoder_(encoder) {
  if (encoder != nullptr)
    control_ = ControlTokens(tokenizer::special_tokens_of(encoder->tokenizer()));
}

Analysis Analyzer::analyze(const RowReader& reader, const RawRow& row, const RecordFormat* format,
                           const RowKeys& keys, const std::string& where, bool show) const {
  Analysis analysis;
  const auto broken = [&](const std::string& message) {
    analysis = {.broken = true};
    analysis.problems.emplace_back(&kBrokenRecord, without_secrets(message));
  };
  RecordContent content;
  try {
    const ordered_json object = reader.parse(row);
    const RecordFormat& its = format == nullptr ? format_of(object, keys, where) : *format;
    content = read_record(object, its, keys, where);
  } catch (const Error& error) {
    broken(error.what());
    return analysis;
  }
  look_at(content, where, show, analysis);
  return analysis;
}

void Analyzer::look_at(const RecordContent& content, const std::string& where, bool show,
                       Analysis& analysis) const {
  const RecordView view = view_of(content);
  analysis.is_compared = std::holds_alternative<PreferenceRecord>(content) ||
                         std::holds_alternative<LabelledRecord>(content);
  for (const RecordCheck* check : record_checks()) {
    check->look(view, control_, [&](std::string detail) {
      analysis.problems.emplace_back(&check->kind, std::move(detail));
    });
  }
  analysis.digest = digest_of(view);
  analysis.shingles = shingles_of(view);
  if (!analysis.shingles.empty()) analysis.bands = bands_of(analysis.shingles);
  if (encoder_ == nullptr) {
    int64_t characters = 0;
    for_each_text(view, [&](const std::string&, std::string_view text) {
      characters += characters_of(text);
    });
    analysis.examples.push_back({characters, 0});
    if (show) analysis.shown = shown_texts(view);
    return;
  }
  if (const auto* preference = std::get_if<PreferenceRecord>(&content)) {
    add_tokens(as_content(preference->chosen), "chosen", where, show, analysis);
    add_tokens(as_content(preference->rejected), "rejected", where, show, analysis);
  } else if (const auto* labelled = std::get_if<LabelledRecord>(&content)) {
    const char* name = labelled->good ? "labelled good" : "labelled bad";
    add_tokens(as_content(labelled->answer), name, where, show, analysis);
  } else {
    add_tokens(content, "", where, show, analysis);
  }
}

void Analyzer::add_tokens(const RecordContent& content, const std::string& name,
                          const std::string& where, bool show, Analysis& analysis) const {
  RenderedText rendered;
  Example example;
  try {
    rendered = encoder_->renderer().render(content, where);
    example = encoder_->tokens_of(rendered);
  } catch (const UsageError&) {
    throw;
  } catch (const Error& error) {
    analysis.problems.emplace_back(&kRefused, without_secrets(error.what()));
    return;
  }
  const size_t size = example.ids.size();
  const auto most = static_cast<size_t>(encoder_->options().max_seq_length);
  const int64_t trained = trained_of(example, size);
  const std::string its = name.empty() ? "" : name + ": ";
  analysis.examples.push_back({static_cast<int64_t>(size), trained});
  if (std::string beyond = encoder_->beyond_vocabulary(example); !beyond.empty()) {
    analysis.problems.emplace_back(&kBeyondVocabulary, its + beyond);
  }
  if (rendered.unwritten_calls) {
    analysis.problems.emplace_back(&kUnwrittenCalls,
                                   fmt::format("{}messages[{}]", its, *rendered.unwritten_calls));
  }
  if (size < 2) {
    analysis.problems.emplace_back(&kUntrained, its + "fewer than 2 tokens");
  } else if (trained == 0) {
    analysis.problems.emplace_back(&kUntrained, its + "nothing of it carries loss");
  }
  if (size > most) {
    const bool none = trained > 0 && trained_of(example, most) == 0;
    analysis.problems.emplace_back(
        &kTooLong, fmt::format("{}{} tokens{}", its, size,
                               none ? ", and all that is trained lies behind the cut" : ""));
  }
  if (!show) return;
  analysis.shown.push_back(shown(example, encoder_->tokenizer()));
  analysis.shown.back().name = name;
}

}  // namespace graft::data::check
