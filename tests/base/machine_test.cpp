#include "graft/base/machine.h"

#include <gtest/gtest.h>

#include "graft/base/atomic_file.h"
#include "tests/support/temp_folder.h"

namespace graft {
namespace {

using testing::TempFolder;

class GroupLimit : public ::testing::Test {
 protected:
  void write(const fs::path& file, const char* text) {
    fs::create_directories((folder_.path() / file).parent_path());
    write_text(folder_.path() / file, text);
  }
  std::optional<size_t> limit(const std::string& groups) const {
    return group_limit(groups, folder_.path());
  }

  TempFolder folder_;
};

TEST_F(GroupLimit, IsTheLeastOfAGroupAndThoseAboveIt) {
  EXPECT_EQ(limit("0::/a/b\n"), std::nullopt);
  write("memory.max", "max\n");
  write("a/memory.max", "5000\n");
  write("a/b/memory.max", "max\n");
  write("c/memory.max", "70\n");
  EXPECT_EQ(limit("0::/a/b\n"), 5000u);
  write("a/b/memory.max", "4000\n");
  EXPECT_EQ(limit("0::/a/b\n"), 4000u);
  write("memory.max", "3000\n");
  EXPECT_EQ(limit("0::/a/b\n"), 3000u);
}

TEST_F(GroupLimit, OfVersion1IsThatOfTheMemoryController) {
  write("memory/memory.limit_in_bytes", "9223372036854771712\n");
  write("memory/a/memory.limit_in_bytes", "600\n");
  write("memory/b/memory.limit_in_bytes", "500\n");
  EXPECT_EQ(limit("11:cpuset:/b\n4:cpu,memory:/a\n"), 600u);
  EXPECT_EQ(limit("4:name=memory:/b\n"), 9223372036854771712u);
}

TEST_F(GroupLimit, OfAGroupThatIsNotSeenIsTheRoots) {
  write("memory.max", "800\n");
  EXPECT_EQ(limit("0::/../../elsewhere\n"), 800u);
  EXPECT_EQ(limit("0::/not/here\n"), 800u);
  EXPECT_EQ(limit("nonsense"), 800u);
}

TEST(UsableMemory, IsNoMoreThanTheMachineHas) {
  const UsableMemory usable = usable_memory();
  EXPECT_GT(usable.bytes, 0u);
  EXPECT_LE(usable.bytes, machine_memory().total);
  EXPECT_LE(usable_memory(0, 1000).bytes, usable.bytes);
}

}  // namespace
}  // namespace graft
