#include "graft/io/safetensors.h"

#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/arrays.h"
#include "tests/support/temp_folder.h"

namespace graft::io {
namespace {

using testing::same_bits;
using testing::TempFolder;

std::map<std::string, mx::array> every_dtype() {
  std::map<std::string, mx::array> tensors;
  mx::array base = mx::multiply(mx::random::normal({3, 5}), mx::array(40.0f));
  for (mx::Dtype dtype :
       {mx::bool_, mx::uint8, mx::uint16, mx::uint32, mx::uint64, mx::int8, mx::int16, mx::int32,
        mx::int64, mx::float16, mx::bfloat16, mx::float32, mx::complex64}) {
    tensors.emplace(dtype_name(dtype), mx::astype(base, dtype));
  }
  tensors.emplace("scalar", mx::array(2.5f));
  tensors.emplace("empty", mx::zeros({0, 4}, mx::bfloat16));
  tensors.emplace("strided", mx::transpose(base));
  tensors.emplace("odd \"name\"\n\u00e9", mx::array({1, 2, 3}));
  return tensors;
}

TEST(Safetensors, ComesBackAsWritten) {
  TempFolder folder;
  auto tensors = every_dtype();
  save_safetensors(folder / "all.safetensors", tensors, {{"format", "mlx"}, {"note", "a\nb"}});
  SafetensorsFile file(folder / "all.safetensors");
  EXPECT_EQ(file.names().size(), tensors.size());
  EXPECT_TRUE(std::is_sorted(file.names().begin(), file.names().end()));
  EXPECT_EQ(file.metadata().at("note"), "a\nb");
  for (const auto& [name, value] : tensors) {
    EXPECT_EQ(file.info(name).shape, value.shape()) << name;
    EXPECT_TRUE(same_bits(file.load(name), value)) << name;
  }
}

TEST(Safetensors, MlxReadsOurs) {
  TempFolder folder;
  auto tensors = every_dtype();
  save_safetensors(folder / "all.safetensors", tensors, {{"format", "mlx"}});
  auto [loaded, metadata] = mx::load_safetensors((folder / "all.safetensors").string());
  EXPECT_EQ(loaded.size(), tensors.size());
  EXPECT_EQ(metadata.at("format"), "mlx");
  for (const auto& [name, value] : tensors) EXPECT_TRUE(same_bits(loaded.at(name), value)) << name;
}

TEST(Safetensors, WeReadMlxs) {
  TempFolder folder;
  auto tensors = every_dtype();
  mx::save_safetensors((folder / "mlx.safetensors").string(), {tensors.begin(), tensors.end()},
                       {{"format", "mlx"}});
  SafetensorsFile file(folder / "mlx.safetensors");
  EXPECT_EQ(file.metadata().at("format"), "mlx");
  for (const auto& [name, value] : tensors) EXPECT_TRUE(same_bits(file.load(name), value)) << name;
}

TEST(Safetensors, WeReadMlxsWithoutMetadata) {
  TempFolder folder;
  mx::array value({1.0f, 2.0f});
  mx::save_safetensors((folder / "mlx.safetensors").string(), {{"x", value}});
  SafetensorsFile file(folder / "mlx.safetensors");
  EXPECT_TRUE(file.metadata().empty());
  EXPECT_TRUE(same_bits(file.load("x"), value));
}

TEST(Safetensors, SameTensorsGiveTheSameBytes) {
  TempFolder folder;
  auto tensors = every_dtype();
  save_safetensors(folder / "a", tensors, {{"x", "1"}, {"y", "2"}});
  save_safetensors(folder / "b", tensors, {{"y", "2"}, {"x", "1"}});
  EXPECT_EQ(testing::read_bytes(folder / "a"), testing::read_bytes(folder / "b"));
}

TEST(Safetensors, NothingIsCopied) {
  TempFolder folder;
  save_safetensors(folder / "a", every_dtype());
  SafetensorsFile file(folder / "a");
  MappedFile bytes(folder / "a");
  for (const std::string& name : file.names()) {
    const TensorInfo& info = file.info(name);
    EXPECT_EQ(info.offset % info.dtype.size(), 0u) << name;
    EXPECT_EQ(std::memcmp(bytes.data() + info.offset, file.load(name).data<char>(), info.bytes), 0);
  }
  mx::array one = file.load("float32");
  mx::array two = file.load("float32");
  EXPECT_EQ(one.data<float>(), two.data<float>());
}

TEST(SafetensorsWriter, HoldsTheCallerToItsDeclaration) {
  TempFolder folder;
  mx::array x({1.0f, 2.0f});
  {
    SafetensorsWriter writer(folder / "a", {{"x", mx::float32, {2}}, {"y", mx::int32, {1}}}, {});
    EXPECT_THROW(writer.write("y", mx::array({1})), std::logic_error);
    EXPECT_THROW(writer.write("x", mx::array({1})), std::logic_error);
    EXPECT_THROW(writer.write("x", mx::array({1.0f})), std::logic_error);
    writer.write("x", x);
    EXPECT_THROW(writer.commit(), std::logic_error);
    writer.write("y", mx::array({7}));
    EXPECT_THROW(writer.write("z", x), std::logic_error);
    EXPECT_FALSE(fs::exists(folder / "a"));
    writer.commit();
  }
  SafetensorsFile file(folder / "a");
  EXPECT_EQ(file.load("y").item<int>(), 7);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder.path()), {}), 1);
}

}  // namespace
}  // namespace graft::io
