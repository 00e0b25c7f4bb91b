#include "graft/engine/samples.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/generation/generate.h"
#include "graft/tokenizer/stream_decoder.h"

namespace graft::engine {
namespace {

constexpr size_t kSamples = 3;
constexpr size_t kMostPromptTokens = 128;

// The first half of a text, shorter by what belongs to a character that it would cut.
SamplePrompt beginning_of(const data::ExampleView& example, const tokenizer::Tokenizer& tokenizer) {
  const size_t wanted = std::min(example.ids.size() / 2, kMostPromptTokens);
  SamplePrompt whole;  // up to the last end of a character
  tokenizer::StreamDecoder decoder(tokenizer);
  std::string text;
  for (size_t i = 0; i < wanted; ++i) {
    text += decoder.push(example.ids[i]);
    tokenizer::StreamDecoder rest = decoder;
    if (!rest.finish().empty()) continue;
    whole.text = text;
    whole.ids.assign(example.ids.begin(), example.ids.begin() + static_cast<int64_t>(i) + 1);
  }
  return whole;
}

class SampleSink final : public training::EventSink {
 public:
  SampleSink(const LoadedModel& loaded, std::vector<SamplePrompt> prompts, int tokens,
             std::shared_ptr<report::ReportSink> record, FrontEnd& front_end)
      : loaded_(loaded),
        prompts_(std::move(prompts)),
        tokens_(tokens),
        record_(std::move(record)),
        front_end_(front_end) {}
  using EventSink::on;

  void on(const training::Started& started) override {
    const std::vector<report::Sample> earlier = std::exchange(record_->facts().samples, {});
    for (const SamplePrompt& prompt : prompts_) {
      report::Sample sample{prompt.text, "", ""};
      for (const report::Sample& e : earlier) {
        if (started.iteration > 0 && e.prompt == prompt.text) sample.before = e.before;
      }
      record_->facts().samples.push_back(std::move(sample));
    }
    // Of a training that is resumed, the model from before is not here.
    if (started.iteration == 0) continue_prompts(&report::Sample::before);
  }

  void on(const training::Ended& ended) override {
    const bool whole = ended.end == training::TrainEnd::finished ||
                       ended.end == training::TrainEnd::out_of_patience;
    if (whole) continue_prompts(&report::Sample::after);
  }

 private:
  void continue_prompts(std::string report::Sample::*text) {
    try {
      for (size_t i = 0; i < prompts_.size(); ++i) {
        front_end_.progress({{static_cast<double>(i) / static_cast<double>(prompts_.size()),
                              {fmt::format("sample {}/{}", i + 1, prompts_.size())}}});
        const std::optional<std::string> made = continued(prompts_[i]);
        if (!made) break;
        record_->facts().samples[i].*text = *made;
      }
    } catch (const Error& error) {
      front_end_.warn("no sample of what the model writes: {}", error.what());
    }
    front_end_.progress({});
  }

  // None if it was interrupted.
  std::optional<std::string> continued(const SamplePrompt& prompt) const {
    if (front_end_.cancelled()) return {};
    generation::GenerateOptions options;
    options.max_tokens = tokens_;
    options.eos_ids = loaded_.eos_ids();
    options.interrupted = [this] { return front_end_.cancelled(); };
    std::string text;
    const auto result = generation::generate(*loaded_.model, loaded_.tokenizer, prompt.ids, options,
                                             [&](std::string_view piece) { text += piece; });
    if (result.end == generation::GenerateEnd::interrupted) return {};
    return text;
  }

  const LoadedModel& loaded_;
  std::vector<SamplePrompt> prompts_;
  int tokens_;
  std::shared_ptr<report::ReportSink> record_;
  FrontEnd& front_end_;
};

}  // namespace

std::vector<SamplePrompt> sample_prompts(const SampleOptions& options, const data::Dataset& valid,
                                         const tokenizer::Tokenizer& tokenizer) {
  std::vector<SamplePrompt> prompts;
  if (options.tokens == 0) return prompts;
  for (const std::string& text : options.prompts) {
    prompts.push_back({text, tokenizer.encode(text)});
    if (prompts.back().ids.empty()) fail_usage("`sample_prompt` '{}' has no token", text);
  }
  if (!prompts.empty()) return prompts;
  for (const data::ExampleView example : valid.examples) {
    SamplePrompt prompt = beginning_of(example, tokenizer);
    if (!prompt.ids.empty()) prompts.push_back(std::move(prompt));
    if (prompts.size() == kSamples) break;
  }
  return prompts;
}

std::shared_ptr<training::EventSink> make_sample_sink(const LoadedModel& loaded,
                                                      std::vector<SamplePrompt> prompts, int tokens,
                                                      std::shared_ptr<report::ReportSink> record,
                                                      FrontEnd& front_end) {
  return std::make_shared<SampleSink>(loaded, std::move(prompts), tokens, std::move(record),
                                      front_end);
}

}  // namespace graft::engine
