#include "graft/kernels/isa.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "graft/base/error.h"
#include "tests/kernels/each_isa.h"

namespace graft::kernels {
namespace {

TEST(Isa, EveryOneThatIsSupportedCanBeForced) {
  for_each_isa([] {
    EXPECT_EQ(isa_has_avx512_bf16(), isa_name() == "avx3_bf16" || isa_name() == "amx");
    EXPECT_EQ(isa_has_amx_bf16(), isa_name() == "amx");
  });
  EXPECT_FALSE(supported_isas().empty());
}

TEST(Isa, Avx512IsAnotherNameOfAvx3) {
  const std::string before(isa_name());
  const auto isas = supported_isas();
  if (std::count(isas.begin(), isas.end(), "avx3") == 0) GTEST_SKIP() << "needs AVX-512";
  force_isa("AVX512");
  EXPECT_EQ(isa_name(), "avx3");
  force_isa(before);
}

TEST(Isa, AnUnknownOneIsRefusedWithTheList) {
  const std::string before(isa_name());
  try {
    force_isa("avx9");
    FAIL() << "no error";
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("\"avx9\""));
    for (const std::string& isa : supported_isas()) {
      EXPECT_THAT(error.what(), testing::HasSubstr(isa));
    }
  }
  EXPECT_EQ(isa_name(), before);
}

TEST(IsaDeathTest, TheEnvironmentVariableIsObeyedAndChecked) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  auto exit_code = [](const char* value) {
    setenv("GRAFT_CPU_ISA", value, 1);
    try {
      std::exit(isa_name() == supported_isas().back() ? 0 : 1);
    } catch (const Error& error) {
      std::exit(std::string_view(error.what()).find("GRAFT_CPU_ISA") != std::string::npos ? 2 : 3);
    }
  };
  EXPECT_EXIT(exit_code(supported_isas().back().c_str()), testing::ExitedWithCode(0), "");
  EXPECT_EXIT(exit_code("altivec"), testing::ExitedWithCode(2), "");
}

}  // namespace
}  // namespace graft::kernels
