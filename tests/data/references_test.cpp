// Records of every format as TRL and mlx-lm tokenize and mask them:
// tests/fixtures/chat/references.json.
#include <gtest/gtest.h>

#include "graft/data/encoder.h"
#include "graft/data/records/formats.h"
#include "tests/support/paths.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::data {
namespace {

using tokenizer::TrainOn;

// What a reference's setting is by graft's names.
RenderOptions options_of(const std::string& reference, const std::string& setting,
                         const std::string& format) {
  RenderOptions options{.add_eos = true};
  options.raw_pairs = reference == "trl";
  options.train_on = TrainOn::all;
  if (setting == "assistant_only_loss") options.train_on = TrainOn::assistant;
  if (setting == "completion_only_loss" || setting == "mask_prompt") {
    options.train_on = TrainOn::completion;
  }
  // TRL's own choice where nothing is set is its completion_only_loss: the fixture has it off.
  EXPECT_TRUE(setting.empty() || format != "text");
  return options;
}

class References : public ::testing::Test {
 protected:
  References()
      : document_(ordered_json::parse(read_text(testing::fixture("chat/references.json")))),
        tokenizer_(tokenizer::Tokenizer::load(
            testing::fixture(document_["tokenizer"].get<std::string>()))) {}

  ChatForm form(const ordered_json& name) const {
    const std::string source =
        name.is_null() ? "{{ messages }}"
                       : document_["templates"][name.get<std::string>()].get<std::string>();
    return {std::make_shared<tokenizer::ChatTurns>(
        tokenizer::ChatTemplate(source, tokenizer_.special_tokens(), "template"),
        tokenizer::special_tokens_of(tokenizer_))};
  }

  ordered_json record(const std::string& name) const {
    for (const ordered_json& record : document_["records"]) {
      if (record["name"] == name) return record;
    }
    ADD_FAILURE() << name;
    return {};
  }

  ordered_json document_;
  tokenizer::Tokenizer tokenizer_;
};

TEST_F(References, HaveTheSameTokensAndMasks) {
  int compared = 0;
  for (const ordered_json& one : document_["cases"]) {
    if (one.contains("error")) continue;
    const auto reference = one["reference"].get<std::string>();
    const auto setting = one["setting"].get<std::string>();
    const ordered_json its = record(one["record"].get<std::string>());
    SCOPED_TRACE(reference + " " + setting + " " + one["template"].dump() + " " +
                 one["record"].dump());
    const RenderOptions options = options_of(reference, setting, its["format"].get<std::string>());
    const Encoder encoder(tokenizer_, form(one["template"]), options);
    const RecordFormat& format = format_of(its["record"], {}, "here");
    const Example example = encoder.tokens_of(
        encoder.renderer().render(read_record(its["record"], format, {}, "here"), "here"));
    EXPECT_EQ(example.ids, one["ids"].get<std::vector<int32_t>>());
    // A prompt that the template ends otherwise than the whole chat: both count its tokens.
    const bool misses = one["template"] == "thinking" && options.train_on == TrainOn::completion;
    if (misses) continue;
    std::vector<int> mask(example.ids.size(), 1), expected = one["mask"].get<std::vector<int>>();
    for (size_t i = 0; i < example.weights.size(); ++i) mask[i] = example.weights[i] != 0 ? 1 : 0;
    mask[0] = expected[0];  // never predicted
    EXPECT_EQ(mask, expected);
    ++compared;
  }
  EXPECT_GT(compared, 50);
}

}  // namespace
}  // namespace graft::data
