#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/data/dataset.h"
#include "graft/engine/loaded_model.h"
#include "graft/report/report_sink.h"
#include "graft/training/events.h"

namespace graft::engine {

/// Texts that show what a training does: prompts, continued before it and after it.
struct SampleOptions {
  std::vector<std::string> prompts = {};  // none: beginnings of the validation set's texts
  int tokens = 32;                        // of a continuation; 0: no samples
};

struct SamplePrompt {
  std::string text;  // as a person reads it
  std::vector<int32_t> ids;
};

/// The prompts of `options`, as they are, without a chat template. If it has none, those of the
/// first three validation texts: each up to its middle, at most 128 tokens, and at a token's end
/// that is not within a character. Throws UsageError for a prompt without a token.
std::vector<SamplePrompt> sample_prompts(const SampleOptions& options, const data::Dataset& valid,
                                         const tokenizer::Tokenizer& tokenizer);

/// Continues the prompts with the likeliest tokens before the first step and when the training has
/// come to its end, and puts what comes of it into the facts of a run's record, whose sink comes
/// after this one. A training that is resumed keeps the texts from before that the facts hold. It
/// stops when the front end is cancelled; a sample that cannot be made is a warning. `loaded` and
/// `front_end` must outlive it.
std::shared_ptr<training::EventSink> make_sample_sink(const LoadedModel& loaded,
                                                      std::vector<SamplePrompt> prompts, int tokens,
                                                      std::shared_ptr<report::ReportSink> record,
                                                      FrontEnd& front_end);

}  // namespace graft::engine
