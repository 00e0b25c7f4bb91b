#include "graft/tokenizer/protobuf.h"

#include <gtest/gtest.h>

#include <string>

#include "tests/support/expect_error.h"
#include "tests/support/sentencepiece_builder.h"

namespace graft::tokenizer {
namespace {

using testing::expect_error;
using testing::ProtobufBuilder;
using namespace std::string_literals;

TEST(Protobuf, ReadsEveryType) {
  ProtobufBuilder inner;
  inner.varint(1, 300);
  ProtobufBuilder message;
  message.varint(1, 1).varint(2, UINT64_MAX).varint(99, 150).bytes(3, "text").float32(4, -2.5f);
  message.bytes(5, inner.text());
  ProtobufReader reader(message.text(), "file");
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.field(), 1u);
  EXPECT_TRUE(reader.boolean());
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.int32(), -1);  // negative numbers are written with 64 bits
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.field(), 99u);
  EXPECT_EQ(reader.varint(), 150u);
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.bytes(), "text");
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.float32(), -2.5f);
  ASSERT_TRUE(reader.next());
  ProtobufReader nested = reader.message();
  ASSERT_TRUE(nested.next());
  EXPECT_EQ(nested.varint(), 300u);
  EXPECT_FALSE(nested.next());
  EXPECT_FALSE(reader.next());
}

TEST(Protobuf, SkipsEveryType) {
  std::string text = ProtobufBuilder().varint(1, 1u << 20).bytes(2, "text").float32(3, 1).text();
  text +=
      "\x21"
      "12345678"s;  // field 4, eight bytes
  text += ProtobufBuilder().varint(5, 7).text();
  ProtobufReader reader(text, "file");
  for (int i = 0; i < 4; ++i) {
    ASSERT_TRUE(reader.next());
    reader.skip();
  }
  ASSERT_TRUE(reader.next());
  EXPECT_EQ(reader.varint(), 7u);
}

void read_all(std::string_view text) {
  ProtobufReader reader(text, "file");
  while (reader.next()) reader.skip();
}

TEST(Protobuf, RefusesWhatIsBrokenByItsPlace) {
  expect_error([] { read_all("\x08"s); }, "file: byte 1: the file ends within a number");
  expect_error([] { read_all("\x08\x80\x80"s); }, "file: byte 3: the file ends within a number");
  expect_error([] { read_all("\x08" + std::string(9, '\xFF') + "\x02"); }, "more than 64 bits");
  expect_error([] { read_all("\x08" + std::string(11, '\x80')); }, "more than 64 bits");
  expect_error(
      [] {
        read_all(
            "\x12\x05"
            "abcd"s);
      },
      "byte 2: a field that is longer than");
  expect_error([] { read_all("\x12\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x01"s); }, "longer than");
  expect_error(
      [] {
        read_all(
            "\x0D"
            "123"s);
      },
      "byte 1: a field that is longer than");
  expect_error(
      [] {
        read_all(
            "\x09"
            "1234567"s);
      },
      "byte 1: a field that is longer than");
  expect_error(
      [] {
        read_all(
            "\x02\x01"
            "a"s);
      },
      "a field number that does not exist");
  expect_error([] { read_all("\x88\x80\x80\x80\x80\x80\x80\x80\x01"s); }, "field number");
  expect_error([] { read_all("\x0B"s); }, "field 1 has wire type 3, which is not supported");
}

TEST(Protobuf, RefusesAnotherTypeThanAskedFor) {
  std::string text = ProtobufBuilder().bytes(1, ProtobufBuilder().float32(2, 1).text()).text();
  ProtobufReader reader(text, "file");
  ASSERT_TRUE(reader.next());
  expect_error([&] { reader.varint(); }, "field 1 has wire type 2; expected 0");
  expect_error([&] { reader.float32(); }, "field 1 has wire type 2; expected 5");
  ProtobufReader nested = reader.message();
  ASSERT_TRUE(nested.next());
  expect_error([&] { nested.bytes(); }, "file: byte 3: field 2 has wire type 5; expected 2");
}

}  // namespace
}  // namespace graft::tokenizer
