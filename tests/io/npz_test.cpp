#include "graft/io/npz.h"

#include <gtest/gtest.h>
#include <zip.h>

#include "graft/io/npy.h"
#include "graft/io/tensor_info.h"
#include "tests/support/arrays.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_folder.h"

namespace graft::io {
namespace {

using testing::error_of;
using testing::expect_error;
using testing::same_bits;
using testing::TempFolder;

std::map<std::string, mx::array> one_of_each() {
  std::map<std::string, mx::array> arrays;
  mx::array base = mx::multiply(mx::random::normal({3, 5}), mx::array(40.0f));
  for (mx::Dtype dtype :
       {mx::bool_, mx::uint8, mx::uint16, mx::uint32, mx::uint64, mx::int8, mx::int16, mx::int32,
        mx::int64, mx::float16, mx::bfloat16, mx::float32, mx::complex64}) {
    arrays.emplace(dtype_name(dtype), mx::astype(base, dtype));
  }
  arrays.emplace("scalar", mx::array(2.5f));
  arrays.emplace("vector", mx::array({1, 2, 3}));
  arrays.emplace("empty", mx::zeros({0, 4}));
  arrays.emplace("strided", mx::transpose(base));
  arrays.emplace("model.layers.0.self_attn.q_proj.lora_a", mx::random::uniform({64, 8}));
  return arrays;
}

struct MemberText {
  std::string name, bytes;
  int method = ZIP_CM_STORE;
};

// A zip as others write it.
void write_zip(const fs::path& path, const std::vector<MemberText>& members) {
  zip_t* zip = zip_open(path.c_str(), ZIP_CREATE | ZIP_TRUNCATE, nullptr);
  ASSERT_NE(zip, nullptr);
  for (const MemberText& member : members) {
    zip_source_t* source = zip_source_buffer(zip, member.bytes.data(), member.bytes.size(), 0);
    zip_int64_t index = zip_file_add(zip, member.name.c_str(), source, 0);
    ASSERT_EQ(zip_set_file_compression(zip, static_cast<zip_uint64_t>(index), member.method, 0), 0);
  }
  ASSERT_EQ(zip_close(zip), 0);
}

std::string npy(int version, const std::string& dictionary, const std::string& data) {
  std::string bytes = std::string("\x93NUMPY", 6) + static_cast<char>(version) + '\0';
  for (int i = 0; i < (version == 1 ? 2 : 4); ++i) {
    bytes += static_cast<char>((dictionary.size() >> (8 * i)) & 0xff);
  }
  return bytes + dictionary + data;
}

std::string data_of(mx::array value) {
  value = mx::contiguous(value);
  value.eval();
  return {value.data<char>(), value.nbytes()};
}

TEST(Npz, ComesBackAsWritten) {
  TempFolder folder;
  auto arrays = one_of_each();
  save_npz(folder / "a.npz", arrays, R"({"rank": 8})");
  const NpzFile npz(folder / "a.npz");
  EXPECT_EQ(npz.comment(), R"({"rank": 8})");
  EXPECT_EQ(npz.names().size(), arrays.size());
  for (const auto& [name, value] : arrays) {
    EXPECT_EQ(npz.shape(name), value.shape());
    EXPECT_TRUE(same_bits(npz.load(name), value)) << name;
  }
  expect_error([&] { npz.load("another"); }, {"a.npz", "no array \"another\""});
}

TEST(Npz, HoldsNothingOrHasNoComment) {
  TempFolder folder;
  save_npz(folder / "a.npz", {{"x", mx::array({1.0f})}});
  EXPECT_EQ(NpzFile(folder / "a.npz").comment(), "");
}

TEST(Npz, SameArraysGiveTheSameBytes) {
  TempFolder folder;
  auto arrays = one_of_each();
  save_npz(folder / "a", arrays, "note");
  save_npz(folder / "b", arrays, "note");
  EXPECT_EQ(testing::read_bytes(folder / "a"), testing::read_bytes(folder / "b"));
}

TEST(Npz, MembersAreWhatMlxSaves) {
  TempFolder folder;
  for (const auto& [name, value] : one_of_each()) {
    mx::save((folder / "a.npy").string(), value);
    std::string expected = testing::read_bytes(folder / "a.npy");
    EXPECT_TRUE(same_bits(mx::load((folder / "a.npy").string()), value));
    NpyHeader header = parse_npy_header(expected, "a.npy");
    EXPECT_EQ(header.dtype, value.dtype()) << name;
    EXPECT_EQ(header.shape, value.shape()) << name;
    testing::write_bytes(folder / "b.npy",
                         npy_header(value.dtype(), value.shape()) + data_of(value));
    EXPECT_TRUE(same_bits(mx::load((folder / "b.npy").string()), value)) << name;
  }
}

TEST(Npz, ReadsEveryVersionAndOrderDeflatedOrNot) {
  TempFolder folder;
  mx::array value = mx::random::normal({4, 3, 2});
  mx::array reversed = mx::transpose(value);
  for (int version : {1, 2, 3}) {
    for (bool fortran : {false, true}) {
      for (int method : {ZIP_CM_STORE, ZIP_CM_DEFLATE}) {
        std::string dictionary =
            fmt::format("{{'descr': '<f4', 'fortran_order': {}, 'shape': (4, 3, 2), }}   \n",
                        fortran ? "True" : "False");
        write_zip(
            folder / "a.npz",
            {{"x.npy", npy(version, dictionary, data_of(fortran ? reversed : value)), method}});
        EXPECT_TRUE(same_bits(load_npz(folder / "a.npz").at("x"), value))
            << version << fortran << method;
      }
    }
  }
}

TEST(Npz, SaysWhatIsWrong) {
  struct Case {
    std::string bytes;
    const char* complaint;
  };
  const std::string four(4, '\0');
  auto header = [](const char* descr, const char* shape) {
    return fmt::format("{{'descr': {}, 'fortran_order': False, 'shape': {}, }}\n", descr, shape);
  };
  for (const Case& bad : std::vector<Case>{
           {"", "\"x.npy\" is not a .npy file"},
           {"PK", "\"x.npy\" is not a .npy file"},
           {npy(4, header("'<f4'", "(1,)"), four), ".npy version 4 is not known"},
           {npy(1, header("'>f4'", "(1,)"), four), "the type \">f4\""},
           {npy(1, header("'|O'", "(1,)"), four), "the type \"|O\""},
           {npy(1, header("[('a', '<f4')]", "(1,)"), four), "a structured type"},
           {npy(1, header("'<f4'", "(2,)"), four),
            "takes 8 bytes behind the header, but there are 4"},
           {npy(1, header("'<f4'", "()"), ""), "takes 4 bytes behind the header, but there are 0"},
           {npy(1, header("'<f4'", "(99999999999,)"), four), "larger than MLX can hold"},
           {npy(1, header("'<f4'", "(2147483647, 2147483647, 2147483647)"), four), "is too large"},
           {npy(1, header("'<f4'", "(-1,)"), four), "a dimension that is no number"},
           {npy(1, header("'<f4'", "(1 1)"), four), "no ')'"},
           {npy(1, header("'<f4'", "1"), four), "no '('"},
           {npy(1, "{'descr': '<f4', 'shape': (1,)}", four), "not all of descr"},
           {npy(1, "{'descr': '<f4', 'descr': '<f4'}", four), "the key \"descr\""},
           {npy(1, "{'descr': '<f4", four), "a string without end"},
           {npy(1, "{'fortran_order': None}", four), "neither True nor False"},
           {npy(1, header("'<f4'", "(1,)") + "x", four), "text behind the dictionary"},
           {npy(2, header("'<f4'", "(1,)"), four).replace(8, 4, "\xff\xff\xff\xff"),
            "a .npy header of 4294967295 bytes"},
       }) {
    TempFolder folder;
    write_zip(folder / "bad.npz", {{"x.npy", bad.bytes}});
    expect_error([&] { load_npz(folder / "bad.npz"); }, bad.complaint);
    expect_error([&] { load_npz(folder / "bad.npz"); }, "bad.npz: \"x.npy\"");
  }
}

TEST(Npz, RefusesOtherMembersAndOtherFiles) {
  TempFolder folder;
  write_zip(folder / "a", {{"x.txt", "hello"}});
  expect_error([&] { load_npz(folder / "a"); }, "\"x.txt\" is not an array");
  testing::write_bytes(folder / "a", "hello");
  expect_error([&] { load_npz(folder / "a"); }, "not a .npz file");
  testing::write_bytes(folder / "a", "");
  expect_error([&] { load_npz(folder / "a"); }, "not a .npz file");
  expect_error([&] { load_npz(folder / "none"); }, "cannot open");
}

TEST(Npz, SurvivesCutsAndEveryChangedByte) {
  TempFolder folder;
  save_npz(folder / "a", {{"x", mx::array({1.0f, 2.0f})}, {"y", mx::array({3})}}, "{}");
  const std::string whole = testing::read_bytes(folder / "a");
  for (size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(error_of([&] { parse_npz(whole.substr(0, size), "cut"); }).empty()) << size;
  }
  for (size_t at = 0; at < whole.size(); ++at) {
    for (char value : {'\0', '\x7f', '\xff', '9'}) {
      std::string changed = whole;
      changed[at] = value;
      try {
        parse_npz(changed, "changed");
      } catch (const Error&) {
      }
    }
  }
}

TEST(Npz, AChangedNumberFailsTheChecksum) {
  TempFolder folder;
  save_npz(folder / "a", {{"x", mx::full({4}, 1.0f)}});
  std::string bytes = testing::read_bytes(folder / "a");
  size_t at = bytes.find("\x80\x3f");
  ASSERT_NE(at, std::string::npos);
  bytes[at] = '\x81';
  expect_error([&] { parse_npz(bytes, "a"); }, "a: \"x.npy\": CRC");
}

TEST(Npz, AFullDiskLeavesTheEarlierFileWhole) {
  TempFolder folder;
  save_npz(folder / "a", {{"x", mx::array({1.0f})}});
  std::string before = testing::read_bytes(folder / "a");
  {
    testing::FileSizeLimit limit(4096);
    expect_error(
        [&] {
          save_npz(folder / "a", {{"x", mx::zeros({10'000})}});
        },
        "what was there before is as it was");
  }
  EXPECT_EQ(testing::read_bytes(folder / "a"), before);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1) << "a left-over file";
  expect_error([&] { save_npz(folder / "a" / "b", {}); }, "cannot write");
  expect_error([&] { save_npz(folder / "b", {}, std::string(70'000, 'x')); }, "65535");
}

}  // namespace
}  // namespace graft::io
