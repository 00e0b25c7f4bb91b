#include <gtest/gtest.h>

#include "graft/io/safetensors.h"
#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::io {
namespace {

using testing::error_of;
using testing::expect_error;
using testing::TempFolder;

std::string with_length(uint64_t length, const std::string& rest) {
  return std::string(reinterpret_cast<const char*>(&length), sizeof length) + rest;
}

// A file of this header, its true length before it, and `data` zero bytes behind.
std::string file_of(const std::string& header, size_t data) {
  return with_length(header.size(), header + std::string(data, '\0'));
}

TEST(SafetensorsBadFile, IsRefusedCutAnywhere) {
  TempFolder folder;
  save_safetensors(folder / "whole", {{"a", mx::zeros({3, 2})}, {"b", mx::zeros({5}, mx::uint8)}},
                   {{"format", "mlx"}});
  std::string whole = testing::read_bytes(folder / "whole");
  for (size_t size = 0; size < whole.size(); ++size) {
    testing::write_bytes(folder / "cut", whole.substr(0, size));
    EXPECT_FALSE(error_of([&] { SafetensorsFile file(folder / "cut"); }).empty()) << size;
  }
  testing::write_bytes(folder / "long", whole + "x");
  expect_error([&] { SafetensorsFile file(folder / "long"); }, "its tensors end at byte");
}

TEST(SafetensorsBadFile, SurvivesEveryChangedByte) {
  TempFolder folder;
  save_safetensors(folder / "whole", {{"a", mx::zeros({3, 2})}, {"b", mx::zeros({5}, mx::uint8)}},
                   {{"format", "mlx"}});
  const std::string whole = testing::read_bytes(folder / "whole");
  for (size_t at = 0; at < whole.size(); ++at) {
    for (char value : {'\0', '\x7f', '\xff', '9', '"', '{', '[', '-'}) {
      std::string changed = whole;
      changed[at] = value;
      testing::write_bytes(folder / "changed", changed);
      try {
        SafetensorsFile file(folder / "changed");
        for (const std::string& name : file.names()) mx::sum(file.load(name)).eval();
      } catch (const Error&) {
      }
    }
  }
}

TEST(SafetensorsBadFile, SaysWhatIsWrong) {
  struct Case {
    std::string bytes;
    const char* complaint;
  };
  const std::string huge = "18446744073709551615";
  std::string nested = R"({"__metadata__": {"a": )" + std::string(100'000, '[');
  for (const Case& bad : std::vector<Case>{
           {"", "too few for a safetensors file"},
           {with_length(UINT64_MAX, "{}"), "the header's length is given as 18446744073709551615"},
           {with_length(3, "{}"), "the header's length is given as 3 bytes"},
           {with_length(200'000'000, "{}"), "the header's length"},
           {file_of("[]", 0), "the header is not a JSON object"},
           {file_of("{\"a\": }", 0), "header: not valid JSON at byte 7"},
           {file_of("{\"\xff\": 1}", 0), "header: not valid UTF-8"},
           {file_of(nested, 0), "nested deeper than 8"},
           {file_of(R"({"a": 3})", 0), "tensor \"a\": its header entry is not an object"},
           {file_of(R"({"a": {"shape": [], "data_offsets": [0, 0]}})", 0), "no \"dtype\""},
           {file_of(R"({"a": {"dtype": "F32", "data_offsets": [0, 0]}})", 0), "no \"shape\""},
           {file_of(R"({"a": {"dtype": "F32", "shape": []}})", 0), "no \"data_offsets\""},
           {file_of(R"({"a": {"dtype": "F8_E4M3", "shape": [1], "data_offsets": [0, 1]}})", 1),
            "the dtype \"F8_E4M3\" is not supported"},
           {file_of(R"({"a": {"dtype": 4, "shape": [1], "data_offsets": [0, 1]}})", 1),
            "the dtype 4 is not supported"},
           {file_of(R"({"a": {"dtype": "F32", "shape": [-1], "data_offsets": [0, 4]}})", 4),
            "a dimension must be a whole number of 0 or more, found -1"},
           {file_of(R"({"a": {"dtype": "F32", "shape": [1.5], "data_offsets": [0, 6]}})", 6),
            "found 1.5"},
           {file_of(
                R"({"a": {"dtype": "F32", "shape": [)" + huge + R"(], "data_offsets": [0, 4]}})",
                4),
            "is larger than MLX can hold"},
           {file_of(R"({"a": {"dtype": "F32", "shape": [2147483647, 2147483647, 2147483647],
                       "data_offsets": [0, 4]}})",
                    4),
            "takes too many bytes"},
           {file_of(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 4]}})", 4),
            "float32 [2] takes 8 bytes, but its offsets 0..4 span 4"},
           {file_of(R"({"a": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}})", 4),
            "its bytes 0..8 do not lie in the 4 bytes of data"},
           {file_of(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [4, 0]}})", 4),
            "its bytes 4..0"},
           {file_of(R"({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, )" + huge + "]}}",
                    4),
            "its bytes 0..18446744073709551615"},
           {file_of(R"({"a": {"dtype": "F32", "shape": [1], "data_offsets": [0]}})", 4),
            "must be two numbers"},
           {file_of(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                       "b": {"dtype": "U8", "shape": [4], "data_offsets": [2, 6]}})",
                    6),
            "tensor \"b\": starts at byte"},
           {file_of(R"({"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4]},
                       "b": {"dtype": "U8", "shape": [4], "data_offsets": [5, 9]}})",
                    9),
            "but the one before it ends at"},
           {file_of(R"({"a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]},
                       "a": {"dtype": "U8", "shape": [1], "data_offsets": [0, 1]}})",
                    1),
            "the key \"a\" appears twice"},
           {file_of(R"({"__metadata__": {"a": 1}})", 0), "the metadata \"a\" is not a string"},
           {file_of(R"({"__metadata__": []})", 0), "\"__metadata__\" is not an object"},
       }) {
    TempFolder folder;
    testing::write_bytes(folder / "bad.safetensors", bad.bytes);
    auto open = [&] { SafetensorsFile file(folder / "bad.safetensors"); };
    expect_error(open, bad.complaint);
    expect_error(open, "bad.safetensors");
  }
}

TEST(SafetensorsBadFile, NamesAreShownWithoutControlCharacters) {
  TempFolder folder;
  testing::write_bytes(folder / "bad", file_of(R"({"\u001b[2Jx": 3})", 0));
  std::string message = error_of([&] { SafetensorsFile file(folder / "bad"); });
  EXPECT_EQ(message.find('\x1b'), std::string::npos);
  EXPECT_NE(message.find("\\u001b[2Jx"), std::string::npos);
}

TEST(SafetensorsBadFile, AFolderOrNothingIsNamed) {
  TempFolder folder;
  expect_error([&] { SafetensorsFile file(folder.path()); }, "not a regular file");
  expect_error([&] { SafetensorsFile file(folder / "none"); }, "cannot open");
}

}  // namespace
}  // namespace graft::io
