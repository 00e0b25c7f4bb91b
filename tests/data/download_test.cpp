#include "graft/data/importers/download.h"

#include <gtest/gtest.h>

#include "tests/support/expect_error.h"
#include "tests/support/temp_folder.h"

namespace graft::data {
namespace {

// Downloads over the network are tested with the Hub's.
TEST(Download, TakesTheBytesOfItsHashAlone) {
  const testing::TempFolder folder;
  testing::write_bytes(folder / "a", "hello\n");
  const auto fetch = [&](const std::string& hash, size_t most = 100) {
    return download("file://" + (folder / "a").string(), most, hash, silent_front_end());
  };
  EXPECT_EQ(fetch(""), "hello\n");
  EXPECT_EQ(fetch("ce013625030ba8dba906f756967f9e9ca394464a"), "hello\n");  // git hash-object
  testing::expect_error([&] { fetch("ce013625030ba8dba906f756967f9e9ca394464b"); },
                        "is ce013625030ba8dba906f756967f9e9ca394464a, not");
  testing::expect_error([&] { fetch("", 5); }, "larger than 5 bytes");
}

}  // namespace
}  // namespace graft::data
