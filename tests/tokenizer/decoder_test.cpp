#include "graft/tokenizer/decoder.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace graft::tokenizer {
namespace {

using Pieces = std::vector<std::string>;
using DecoderSteps = std::vector<Decoder::Step>;

// What each piece makes certain, and at the end what the finish adds.
Pieces stream(const Decoder& decoder, const Pieces& pieces) {
  DecodeState state(decoder);
  Pieces result;
  for (const std::string& piece : pieces) state.push(piece, result.emplace_back());
  state.finish(result.emplace_back());
  return result;
}

const Decoder kLlama({Replacement("\u2581", " "), Decoder::ByteFallback{}, Decoder::Fuse{},
                      Decoder::Strip{" ", 1, 0}});

TEST(Decoder, OfLlamaStripsTheFirstSpaceAlone) {
  EXPECT_EQ(stream(kLlama, {"\u2581\u2581a", "\u2581b", "c"}), (Pieces{" a", " b", "c", ""}));
  EXPECT_EQ(stream(kLlama, {"a", "\u2581"}), (Pieces{"a", " ", ""}));
  EXPECT_EQ(stream(kLlama, {"\u2581", "\u2581", "x"}), (Pieces{"", " ", "x", ""}));
  EXPECT_EQ(stream(kLlama, {}), Pieces{""});
}

TEST(Decoder, BytesWaitForTheEndOfTheirRow) {
  EXPECT_EQ(stream(kLlama, {"x", "<0xC3>", "<0xA9>", "y"}), (Pieces{"x", "", "", "\u00E9y", ""}));
  EXPECT_EQ(stream(kLlama, {"x", "<0xC3>", "<0xA9>"}), (Pieces{"x", "", "", "\u00E9"}));
  // One byte too many makes all of them replacements.
  EXPECT_EQ(stream(kLlama, {"<0xC3>", "<0xA9>", "<0xe2>", "y"}),
            (Pieces{"", "", "", "\uFFFD\uFFFD\uFFFDy", ""}));
  EXPECT_EQ(stream(kLlama, {"<0x2>", "<0xG1>", "<0x111>"}),
            (Pieces{"<0x2>", "<0xG1>", "<0x111>", ""}));
}

TEST(Decoder, AStateIsAsNewAfterTheEnd) {
  DecodeState state(kLlama);
  for (int round = 0; round < 2; ++round) {
    std::string text;
    state.push("\u2581a", text);
    state.push("<0xC3>", text);
    state.finish(text);
    EXPECT_EQ(text, "a\uFFFD");
  }
}

TEST(Decoder, StripWorksOnEachPieceUnlessTheyAreFused) {
  DecoderSteps strip = {Decoder::Strip{"_", 1, 2}};
  DecoderSteps fused = {Decoder::Fuse{}, Decoder::Strip{"_", 1, 2}};
  Pieces pieces = {"__a_", "_b___", "__", "c_"};
  EXPECT_EQ(stream(Decoder(strip), pieces), (Pieces{"_a", "b_", "", "c", ""}));
  EXPECT_EQ(stream(Decoder(fused), pieces), (Pieces{"_a", "__b_", "__", "__c", ""}));
  EXPECT_EQ(stream(Decoder(fused), {"_", "_", "_", "_", "_"}), (Pieces{"", "", "", "_", "_", ""}));
}

TEST(Decoder, MetaspaceDropsWhatBeginsTheText) {
  Pieces pieces = {"\u2581\u2581a\u2581", "\u2581b"};
  EXPECT_EQ(stream(Decoder({Decoder::Metaspace{"\u2581", true}}), pieces), (Pieces{"a", " b", ""}));
  EXPECT_EQ(stream(Decoder({Decoder::Metaspace{"\u2581", false}}), pieces),
            (Pieces{"  a ", " b", ""}));
}

TEST(Decoder, WithoutStepsPiecesArePutTogether) {
  EXPECT_EQ(stream(Decoder(), {"\xC3", "\xA9"}), (Pieces{"\xC3", "\xA9", ""}));
  EXPECT_EQ(stream(Decoder({Decoder::JoinWithSpaces{}}), {"a", "", "b"}),
            (Pieces{"a", " ", " b", ""}));
}

}  // namespace
}  // namespace graft::tokenizer
