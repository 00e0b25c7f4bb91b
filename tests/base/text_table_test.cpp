#include "graft/base/text_table.h"

#include <gtest/gtest.h>

namespace graft {
namespace {

TEST(TextTable, HasColumnsAsWideAsTheirWidestCell) {
  EXPECT_EQ(text_table({{"run", "loss", "time"}, {"é–é", "1", "59s"}, {"longer", "", "1s"}}),
            "run     loss  time\n"
            "é–é     1     59s\n"
            "longer        1s\n");
  EXPECT_EQ(text_table({}), "");
}

}  // namespace
}  // namespace graft
