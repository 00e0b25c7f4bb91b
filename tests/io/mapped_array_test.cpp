#include "graft/io/mapped_array.h"

#include <gtest/gtest.h>

#include <cstring>
#include <numeric>
#include <vector>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::io {
namespace {

using testing::expect_error;
using testing::TempFolder;

// 0, 1, 2, ... as bytes.
std::shared_ptr<const MappedFile> counting_file(const TempFolder& folder, size_t size) {
  std::string bytes(size, '\0');
  std::iota(bytes.begin(), bytes.end(), 0);
  testing::write_bytes(folder / "counting", bytes);
  return std::make_shared<const MappedFile>(folder / "counting");
}

bool inside(const mx::array& array, const MappedFile& file) {
  auto* data = array.data<std::byte>();
  return data >= file.data() && data + array.nbytes() <= file.data() + file.size();
}

TEST(MappedArray, IsAViewOfTheFile) {
  TempFolder folder;
  auto file = counting_file(folder, 256);
  mx::array array = mapped_array(file, 16, {4, 5}, mx::uint32);
  ASSERT_FALSE(mx::metal::is_available());
  EXPECT_EQ(static_cast<const void*>(array.data<uint32_t>()), file->data() + 16);
  EXPECT_TRUE(array.is_available());
  EXPECT_EQ(array.data<uint32_t>()[0], 0x13121110u);
  EXPECT_EQ(array.data<uint32_t>()[19], 0x5f5e5d5cu);
}

TEST(MappedArray, KeepsTheMappingAlive) {
  TempFolder folder;
  auto file = counting_file(folder, 64);
  std::weak_ptr<const MappedFile> watch = file;
  {
    mx::array array = mapped_array(file, 8, {4}, mx::uint8);
    file.reset();
    EXPECT_FALSE(watch.expired());
    mx::array sum = mx::sum(mx::astype(array, mx::int32));
    EXPECT_EQ(sum.item<int>(), 8 + 9 + 10 + 11);
    EXPECT_FALSE(watch.expired());
  }
  EXPECT_TRUE(watch.expired());
}

TEST(MappedArray, IsNeverWrittenTo) {
  TempFolder folder;
  auto file = counting_file(folder, 64);
  auto view = [&] { return mapped_array(file, 8, {4}, mx::float32); };
  float before = view().data<float>()[0];
  // The only reference: an operation on an array of MLX's own would compute in place.
  mx::array sum = mx::add(view(), mx::array(1.0f));
  sum.eval();
  EXPECT_FALSE(inside(sum, *file));
  mx::array copy = mx::astype(mx::reshape(mx::abs(view()), {2, 2}), mx::float32);
  copy.eval();
  EXPECT_FALSE(inside(copy, *file));
  EXPECT_EQ(view().data<float>()[0], before);
}

TEST(MappedArray, CopiesWhatCannotBeAView) {
  TempFolder folder;
  auto file = counting_file(folder, 64);
  mx::array misaligned = mapped_array(file, 9, {2}, mx::uint16);
  EXPECT_FALSE(inside(misaligned, *file));
  EXPECT_EQ(misaligned.data<uint16_t>()[0], 0x0a09);
  mx::array at_start = mapped_array(file, 0, {2}, mx::uint16);
  EXPECT_FALSE(inside(at_start, *file));
  EXPECT_EQ(at_start.data<uint16_t>()[1], 0x0302);
  EXPECT_TRUE(inside(mapped_array(file, 9, {2}, mx::uint8), *file));
}

TEST(MappedArray, HoldsNothingAtTheEnd) {
  TempFolder folder;
  auto file = counting_file(folder, 64);
  mx::array empty = mapped_array(file, 64, {0, 3}, mx::float32);
  EXPECT_EQ(empty.size(), 0u);
}

TEST(MappedArray, RefusesWhatLeavesTheFile) {
  TempFolder folder;
  auto file = counting_file(folder, 64);
  expect_error([&] { mapped_array(file, 8, {15}, mx::float32); }, "ends behind the file's 64");
  expect_error([&] { mapped_array(file, 65, {0}, mx::float32); }, "at offset 65");
  mx::Shape huge{INT32_MAX, INT32_MAX, INT32_MAX};
  expect_error([&] { mapped_array(file, 8, huge, mx::float32); }, "ends behind");
  EXPECT_EQ(mapped_array(file, 8, {14}, mx::float32).size(), 14u);
}

}  // namespace
}  // namespace graft::io
