#include "graft/engine/fuse_texts.h"

#include <fmt/format.h>

#include "graft/base/error.h"
#include "graft/calibration/texts.h"
#include "graft/data/option_names.h"
#include "graft/report/run_facts.h"
#include "graft/report/run_folder.h"

namespace graft::engine {
namespace {

constexpr int64_t kMeasuredTokens = 8192, kCalibrationTokens = 8192;
constexpr size_t kFewExamples = 8;  // are not divided

size_t examples_in(const std::vector<data::Batch>& batches) {
  size_t count = 0;
  for (const data::Batch& batch : batches) count += batch.examples.size();
  return count;
}

// Takes the setting of a name, if it is there and of its type.
template <class T, class Value>
void take(const ordered_json& config, const char* name, Value& value) {
  const auto found = config.find(name);
  if (found == config.end() || found->is_null()) return;
  value = found->template get<T>();
}

TrainingData recorded_data(const ordered_json& config) {
  TrainingData found;
  found.data.names.clear();
  const ordered_json names = config.value("data", ordered_json());
  for (const ordered_json& name : names.is_array() ? names : ordered_json::array({names})) {
    found.data.names.push_back(name.get<std::string>());
  }
  take<double>(config, "valid_split", found.data.valid_split);
  take<std::string>(config, "text_key", found.data.keys.text);
  take<std::string>(config, "prompt_key", found.data.keys.prompt);
  take<std::string>(config, "completion_key", found.data.keys.completion);
  take<std::string>(config, "messages_key", found.data.keys.messages);
  found.render.add_eos = true;
  int add_eos = 1;
  take<int>(config, "add_eos_token", add_eos);
  found.render.add_eos = add_eos != 0;
  take<int>(config, "max_seq_length", found.render.max_seq_length);
  take<bool>(config, "raw_pairs", found.render.raw_pairs);
  std::string overlong;
  take<std::string>(config, "overlong", overlong);
  if (!overlong.empty()) found.render.overlong = data::overlong_named(overlong);
  take<int>(config, "overlap", found.render.overlap);
  std::string train_on;
  take<std::string>(config, "train_on", train_on);
  if (!train_on.empty()) found.render.train_on = data::train_on_named(train_on);
  return found;
}

}  // namespace

FuseTexts fuse_texts(models::Model& model, const data::Dataset& measured,
                     const std::optional<data::Dataset>& calibration, bool repairs) {
  const int64_t tokens = calibration::tokens_to_see(model, kCalibrationTokens);
  FuseTexts texts{measured.name, {}};
  const bool divides = repairs && !calibration && measured.examples.size() >= kFewExamples;
  texts.batches.measured = calibration::texts_of(
      measured, {.most_tokens = kMeasuredTokens, .parts = divides ? size_t{2} : size_t{1}});
  if (texts.batches.measured.empty()) {
    fail("no token of {} carries loss: there is nothing to measure", measured.name);
  }
  const size_t used = examples_in(texts.batches.measured);
  if (used < measured.examples.size()) {
    texts.name += fmt::format(" ({} of {} examples)", used, measured.examples.size());
  }
  if (calibration) {
    texts.batches.calibration = calibration::texts_of(*calibration, {.most_tokens = tokens});
  } else if (divides) {
    texts.batches.calibration =
        calibration::texts_of(measured, {.most_tokens = tokens, .part = 1, .parts = 2});
  }
  return texts;
}

std::optional<TrainingData> data_of_training(const fs::path& adapter) {
  const fs::path facts = report::RunFolder::of_adapter(without_trailing_slash(adapter)).facts();
  if (!is_there(facts)) return {};
  try {
    TrainingData found = recorded_data(report::read_facts(facts).config);
    for (const std::string& name : found.data.names) {
      if (!is_there(name)) return {};
    }
    return found;
  } catch (const std::exception&) {
    return {};  // a damaged record says nothing
  }
}

}  // namespace graft::engine
