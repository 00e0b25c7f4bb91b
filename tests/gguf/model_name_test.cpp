#include "graft/gguf/model_name.h"

#include <gtest/gtest.h>

namespace graft::gguf {
namespace {

TEST(ModelName, SaysPhi3WhereTheTokenizerIsPhi3sAndNowhereElse) {
  EXPECT_EQ(safe_name("Phi 3.5 mini", true), "Phi 3.5 mini (Phi-3)");
  EXPECT_EQ(safe_name("My PHI-3 mini", true), "My PHI-3 mini");
  EXPECT_EQ(safe_name("My PHI-3 and phi3", false), "My PHI 3 and phi 3");
  EXPECT_EQ(safe_name("Llama", false), "Llama");
}

}  // namespace
}  // namespace graft::gguf
