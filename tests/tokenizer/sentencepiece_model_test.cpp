#include "graft/tokenizer/sentencepiece_model.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/expect_error.h"
#include "tests/support/sentencepiece_builder.h"

namespace graft::tokenizer {
namespace {

using Model = SentencePieceModel;
using testing::SentencePieceBuilder;

TEST(SentencePieceModel, ReadsWhatMatters) {
  SentencePieceBuilder builder;
  builder.piece("<unk>", 0, 2).piece("<bos>", 0, 3).piece("</s>", 0, 3).piece("[PAD]", 0, 3);
  builder.piece("<mask>", 0, 4).piece("<0x41>", 0, 6).piece("\u2581a", -1.5f);
  builder.trainer.varint(3, 2).varint(24, 1).varint(35, 1).bytes(46, "<bos>").bytes(48, "[PAD]");
  builder.trainer.varint(43, UINT64_MAX).bytes(1, "input.txt");
  builder.normalizer.bytes(1, "nmt_nfkc").bytes(2, "map").varint(3, 0).varint(4, 0).varint(5, 0);
  Model model = parse_sentencepiece_model(builder.build(), "x.model");
  ASSERT_EQ(model.pieces.size(), 7u);
  EXPECT_EQ(model.pieces[6].text, "\u2581a");
  EXPECT_EQ(model.pieces[6].score, -1.5f);
  EXPECT_EQ(model.pieces[6].type, Model::Type::normal);
  EXPECT_EQ(model.pieces[4].type, Model::Type::user_defined);
  EXPECT_EQ(model.pieces[5].type, Model::Type::byte);
  EXPECT_EQ(model.kind, Model::Kind::bpe);
  EXPECT_TRUE(model.byte_fallback);
  EXPECT_TRUE(model.treat_whitespace_as_suffix);
  EXPECT_EQ(model.unk_id, 0);
  EXPECT_EQ(model.bos_id, 1);
  EXPECT_EQ(model.eos_id, 2);
  EXPECT_EQ(model.pad_id, 3);
  EXPECT_EQ(model.normalizer_name, "nmt_nfkc");
  EXPECT_EQ(model.precompiled_charsmap, "map");
  EXPECT_FALSE(model.add_dummy_prefix);
  EXPECT_FALSE(model.remove_extra_whitespaces);
  EXPECT_FALSE(model.escape_whitespaces);
}

TEST(SentencePieceModel, HasTheFormatsDefaults) {
  Model model = parse_sentencepiece_model(
      SentencePieceBuilder().piece("<s>").piece("<unk>", 0, 2).build(), "x.model");
  EXPECT_EQ(model.kind, Model::Kind::unigram);
  EXPECT_FALSE(model.byte_fallback);
  EXPECT_FALSE(model.treat_whitespace_as_suffix);
  EXPECT_EQ(model.unk_id, 1);
  EXPECT_EQ(model.bos_id, std::nullopt);  // a piece of that name, but not of that type
  EXPECT_EQ(model.eos_id, std::nullopt);
  EXPECT_TRUE(model.add_dummy_prefix);
  EXPECT_TRUE(model.remove_extra_whitespaces);
  EXPECT_TRUE(model.escape_whitespaces);
}

TEST(SentencePieceModel, BadModelsAreRefused) {
  auto refused = [](const SentencePieceBuilder& builder, std::string_view part) {
    std::string message =
        testing::error_of([&] { parse_sentencepiece_model(builder.build(), "x.model"); });
    EXPECT_EQ(message, "x.model: " + std::string(part));
  };
  SentencePieceBuilder good;
  good.usual_specials();
  refused({}, "has no pieces");
  refused(SentencePieceBuilder().piece("a"), "has no unknown piece");
  refused(SentencePieceBuilder(good).piece("u", 0, 2), "pieces 0 and 3 are both unknown");
  refused(SentencePieceBuilder(good).piece(""), "piece 3 is empty");
  refused(SentencePieceBuilder(good).piece("\xC0"), "piece 3 is not valid UTF-8");
  refused(SentencePieceBuilder(good).piece("a", 0, 7), "piece 3 has type 7; types go from 1 to 6");
  refused(SentencePieceBuilder(good).piece("a", std::numeric_limits<float>::quiet_NaN()),
          "piece 3 has score nan");
  refused(SentencePieceBuilder(good).piece("a", std::numeric_limits<float>::infinity()),
          "piece 3 has score inf");
}

// Cut between two fields it is another model: then at least the unknown piece must be there.
TEST(SentencePieceModel, EveryBeginningIsRefusedOrAModel) {
  SentencePieceBuilder builder;
  builder.usual_specials().piece("a", -1);
  builder.trainer.varint(3, 2);
  std::string bytes = builder.build();
  for (size_t size = 0; size < bytes.size(); ++size) {
    try {
      Model model = parse_sentencepiece_model(std::string_view(bytes).substr(0, size), "x.model");
      EXPECT_EQ(model.unk_id, 0);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).rfind("x.model: ", 0), 0u);
    }
  }
}

TEST(SentencePieceModel, IsKnownByItsBeginning) {
  EXPECT_TRUE(looks_like_sentencepiece(SentencePieceBuilder().usual_specials().build()));
  EXPECT_FALSE(looks_like_sentencepiece(""));
  EXPECT_FALSE(looks_like_sentencepiece(SentencePieceBuilder().piece("").build()));
  EXPECT_FALSE(looks_like_sentencepiece("IQ== 0\nIg== 1\n"));
  EXPECT_FALSE(looks_like_sentencepiece("{\"version\": \"1.0\"}"));
  EXPECT_FALSE(looks_like_sentencepiece("\nIQ== 0\nIg== 1\n"));
  EXPECT_FALSE(looks_like_sentencepiece("version https://git-lfs.github.com/spec/v1\n"));
}

}  // namespace
}  // namespace graft::tokenizer
