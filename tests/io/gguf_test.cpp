#include "graft/io/gguf.h"

#include <gtest/gtest.h>

#include <limits>

#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/gguf_builder.h"
#include "tests/support/temp_folder.h"

namespace graft::io {
namespace {

using testing::error_of;
using testing::expect_error;
using testing::GgufBuilder;
using testing::TempFolder;

template <class Number>
std::string raw(Number value) {
  return GgufBuilder::raw(value);
}

std::string array_of(uint32_t type, uint64_t count, const std::string& elements) {
  return raw(type) + raw(count) + elements;
}

// Every kind of metadata, and a tensor of each of two kinds.
GgufBuilder good_file() {
  GgufBuilder file;
  file.set("text", "hello").set("u32", uint32_t{7}).set("f32", 1.5f).set("yes", true);
  file.set("texts", std::vector<std::string>{"a", "", "ccc"});
  file.set("integers", std::vector<int32_t>{-1, 2});
  file.pair("u8", 0, raw<uint8_t>(200)).pair("i8", 1, raw<int8_t>(-3));
  file.pair("u16", 2, raw<uint16_t>(40'000)).pair("i16", 3, raw<int16_t>(-4));
  file.pair("i32", 5, raw<int32_t>(-5)).pair("u64", 10, raw<uint64_t>(UINT64_MAX));
  file.pair("i64", 11, raw<int64_t>(-6)).pair("f64", 12, raw(2.25));
  file.pair("floats", 9, array_of(6, 2, raw(0.5f) + raw(-0.5f)));
  file.pair("nested", 9, array_of(9, 2, array_of(0, 1, "x") + array_of(0, 0, "")));
  file.tensor("dense", {3, 2}, GgufTensorType::f32, std::string(24, '\x01'));
  file.tensor("blocks", {64, 1, 2}, GgufTensorType::q4_1, std::string(80, '\x02'));
  return file;
}

TEST(Gguf, GivesMetadata) {
  std::string bytes = good_file().bytes();
  GgufMetadata metadata = parse_gguf(bytes, "x.gguf").metadata;
  EXPECT_EQ(metadata.text("text"), "hello");
  EXPECT_EQ(metadata.unsigned_number("u32"), 7u);
  EXPECT_EQ(metadata.unsigned_number("u8"), 200u);
  EXPECT_EQ(metadata.unsigned_number("u16"), 40'000u);
  EXPECT_EQ(metadata.unsigned_number("u64"), UINT64_MAX);
  EXPECT_EQ(metadata.number("i8"), -3);
  EXPECT_EQ(metadata.number("i16"), -4);
  EXPECT_EQ(metadata.number("i32"), -5);
  EXPECT_EQ(metadata.number("i64"), -6);
  EXPECT_EQ(metadata.number("f32"), 1.5);
  EXPECT_EQ(metadata.number("f64"), 2.25);
  EXPECT_EQ(metadata.flag("yes"), true);
  EXPECT_EQ(metadata.texts("texts"), (std::vector<std::string_view>{"a", "", "ccc"}));
  EXPECT_EQ(metadata.integers("integers"), (std::vector<int64_t>{-1, 2}));
  EXPECT_EQ(metadata.numbers("floats"), (std::vector<double>{0.5, -0.5}));
  EXPECT_EQ(metadata.numbers("integers"), (std::vector<double>{-1, 2}));
  EXPECT_EQ(metadata.count("nested"), 2u);
  EXPECT_EQ(metadata.text("absent"), std::nullopt);
  EXPECT_EQ(metadata.texts("absent"), std::nullopt);
  EXPECT_FALSE(metadata.has("absent"));
  EXPECT_EQ(metadata.size(), 16u);
}

TEST(Gguf, RefusesMetadataOfAnotherKind) {
  std::string bytes = good_file().bytes();
  GgufMetadata metadata = parse_gguf(bytes, "x.gguf").metadata;
  expect_error([&] { metadata.text("u32"); }, "x.gguf: the metadata \"u32\" is not a text");
  expect_error([&] { metadata.text("texts"); }, "is not a single value");
  expect_error([&] { metadata.texts("text"); }, "is not an array");
  expect_error([&] { metadata.texts("integers"); }, "is not an array of texts");
  expect_error([&] { metadata.integers("floats"); }, "is not an array of whole numbers");
  expect_error([&] { metadata.numbers("texts"); }, "is not an array of numbers");
  expect_error([&] { metadata.unsigned_number("i32"); }, "is not a number of 0 or more");
  expect_error([&] { metadata.unsigned_number("f32"); }, "is not a whole number");
  expect_error([&] { metadata.number("text"); }, "is not a number");
  expect_error([&] { metadata.flag("u32"); }, "is not true or false");
}

TEST(Gguf, GivesTensors) {
  TempFolder folder;
  std::string bytes = good_file().bytes();
  testing::write_bytes(folder / "x.gguf", bytes);
  GgufFile file(folder / "x.gguf");
  EXPECT_EQ(file.tensors().size(), 2u);
  const GgufTensor& dense = file.tensor("dense");
  EXPECT_EQ(dense.shape, (mx::Shape{2, 3}));
  EXPECT_EQ(file.bytes(dense), std::string(24, '\x01'));
  mx::array array = file.load(dense);
  EXPECT_EQ(array.shape(), (mx::Shape{2, 3}));
  EXPECT_EQ(static_cast<const void*>(array.data<char>()), file.bytes(dense).data());
  const GgufTensor& blocks = file.tensor("blocks");
  EXPECT_EQ(blocks.type, GgufTensorType::q4_1);
  EXPECT_EQ(blocks.shape, (mx::Shape{2, 1, 64}));
  EXPECT_EQ(file.bytes(blocks), std::string(80, '\x02'));
  EXPECT_THROW(file.load(blocks), std::logic_error);
  expect_error([&] { file.tensor("none"); }, "no tensor \"none\" among its 2");
}

TEST(Gguf, IsRefusedCutAnywhere) {
  std::string whole = good_file().bytes();
  // The padding behind the last tensor may be missing.
  size_t needed = whole.size() - 16;
  for (size_t size = 0; size < needed; ++size) {
    std::string cut = whole.substr(0, size);
    EXPECT_FALSE(error_of([&] { parse_gguf(cut, "cut"); }).empty()) << size;
  }
  parse_gguf(whole.substr(0, needed), "padding cut");
}

TEST(Gguf, SurvivesEveryChangedByte) {
  const std::string whole = good_file().bytes();
  for (size_t at = 0; at < whole.size(); ++at) {
    for (char value : {'\0', '\x01', '\x09', '\x7f', '\xff'}) {
      std::string changed = whole;
      changed[at] = value;
      try {
        GgufHeader header = parse_gguf(changed, "changed");
        for (const auto& [name, tensor] : header.tensors) {
          EXPECT_LE(tensor.offset + tensor.bytes, changed.size());
        }
      } catch (const Error&) {
      }
    }
  }
}

TEST(Gguf, SaysWhatIsWrong) {
  auto file = [] { return GgufBuilder(); };
  auto with_magic = [](std::string magic) {
    GgufBuilder builder;
    builder.magic = std::move(magic);
    return builder.bytes();
  };
  auto with_version = [](uint32_t version) {
    GgufBuilder builder;
    builder.version = version;
    return builder.bytes();
  };
  auto with_counts = [](uint64_t tensors, uint64_t pairs) {
    GgufBuilder builder;
    builder.extra_tensors = tensors;
    builder.extra_pairs = pairs;
    return builder.bytes();
  };
  std::string deep = "x";
  for (int i = 0; i < 6; ++i) deep = array_of(i == 0 ? 0 : 9, 1, deep);
  struct Case {
    std::string bytes;
    const char* complaint;
  };
  constexpr uint64_t kHuge = UINT64_MAX;
  constexpr uint64_t kWide = INT32_MAX;
  for (const Case& bad : std::vector<Case>{
           {"", "is not a GGUF file"},
           {with_magic("GGML"), "is not a GGUF file"},
           {with_version(1), "GGUF version 1 is not supported, only 2 and 3"},
           {with_version(4), "GGUF version 4"},
           {with_version(0x03000000), "a big-endian GGUF file"},
           {with_counts(kHuge, 0), "the number of tensors is given as 18446744073709551615"},
           {with_counts(0, kHuge), "the number of metadata entries is given as"},
           {with_counts(0, 1), "the number of metadata entries is given as 1"},
           {file().pair("a", 13, "").data(64).bytes(), "\"a\" has the unknown type 13"},
           {file().pair("a", 8, raw(kHuge)).data(64).bytes(),
            "the metadata \"a\" at byte 45 takes 18446744073709551615 bytes"},
           {file().pair("a", 9, array_of(4, kHuge, "")).data(64).bytes(), "\"a\" at byte"},
           {file().pair("a", 9, array_of(4, kHuge / 4 + 1, "")).data(64).bytes(), "\"a\" at byte"},
           {file().pair("a", 9, array_of(8, kHuge, "")).data(64).bytes(),
            "claims 1844674407370955"},
           {file().pair("a", 9, array_of(9, kHuge, "")).data(64).bytes(),
            "claims 1844674407370955"},
           {file().pair("a", 9, deep).data(64).bytes(), "nested deeper than 4"},
           {file().set("a", 1.0f).set("a", 1.0f).bytes(), "the metadata \"a\" is there twice"},
           {file().set("general.alignment", uint32_t{0}).bytes(), "general.alignment is 0"},
           {file().set("general.alignment", uint32_t{12}).bytes(), "general.alignment is 12"},
           {file().set("general.alignment", uint32_t{1u << 31}).bytes(),
            "general.alignment is 2147"},
           {file().entry("t", {1, 1, 1, 1, 1}, 0, 0).data(64).bytes(), "\"t\" has 5 dimensions"},
           {file().entry("t", {kHuge}, 0, 0).data(64).bytes(),
            "a dimension of 18446744073709551615"},
           {file().entry("t", {kWide, kWide, kWide}, 0, 0).data(64).bytes(), "is too large"},
           {file().entry("t", {4}, 10, 0).data(64).bytes(), "\"t\" is of type Q2_K, which is not"},
           {file().entry("t", {4}, 99, 0).data(64).bytes(), "of type number 99"},
           {file().entry("t", {33}, 3, 0).data(64).bytes(), "rows of 33 elements"},
           {file().entry("t", {4}, 0, 8).data(64).bytes(),
            "starts at 8, which is not aligned to 32"},
           {file().entry("t", {17}, 0, 0).data(64).bytes(),
            "takes 68 bytes at 0, but the file has 64"},
           {file().entry("t", {4}, 0, kHuge - 31).data(64).bytes(),
            "takes 16 bytes at 184467440737"},
           {file().entry("t", {4}, 0, 0).entry("t", {4}, 0, 32).data(64).bytes(),
            "\"t\" is there twice"},
           {file().entry("t", {9}, 0, 0).entry("u", {4}, 0, 32).data(64).bytes(),
            "the tensors \"t\" and \"u\" overlap"},
       }) {
    expect_error([&] { parse_gguf(bad.bytes, "bad.gguf"); }, bad.complaint);
    expect_error([&] { parse_gguf(bad.bytes, "bad.gguf"); }, "bad.gguf");
  }
}

}  // namespace
}  // namespace graft::io
