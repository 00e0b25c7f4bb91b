#include "graft/kernels/isa.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "graft/base/error.h"
#include "graft/kernels/targets.h"
#include "hwy/highway.h"
#include "tests/kernels/each_isa.h"
#include "tests/support/expect_error.h"

namespace graft::kernels {
namespace {

TEST(Isa, EveryOneThatIsSupportedCanBeForced) {
  for_each_isa([] {
    EXPECT_EQ(isa_has_avx512_bf16(), isa_name() == "avx3_bf16" || isa_name() == "amx");
    // Those above avx3_vnni have it wherever the processor does.
    const bool above = isa_has_avx512_bf16();
    EXPECT_EQ(!above && isa_has_avx512_vnni(), isa_name() == "avx3_vnni");
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
  const std::string list = fmt::format("{}", fmt::join(supported_isas(), ", "));
  testing::expect_error([] { force_isa("avx9"); }, {"\"avx9\"", list});
  EXPECT_EQ(isa_name(), before);
}

#if HWY_ARCH_ARM_A64
// Seen when it is the first test of its process, as ctest runs it: the sets are found once.
TEST(Isa, NeonNeedsNoAes) {
  hwy::SetSupportedTargetsForTest(HWY_SCALAR | HWY_EMU128);  // as found without AES
  const std::string best = supported_isas().front();
  hwy::SetSupportedTargetsForTest(0);
  force_isa(best);
  EXPECT_TRUE(best.starts_with("neon")) << best;
}
#endif

TEST(IsaDeathTest, TheEnvironmentVariableIsObeyedAndChecked) {
  ::testing::FLAGS_gtest_death_test_style =
      "fast";  // an emulator cannot execute this program again
  auto exit_code = [](const char* value) {
    setenv("GRAFT_CPU_ISA", value, 1);
    try {
      std::exit(isa_name() == supported_isas().back() ? 0 : 1);
    } catch (const Error& error) {
      std::exit(std::string_view(error.what()).find("GRAFT_CPU_ISA") != std::string::npos ? 2 : 3);
    }
  };
  EXPECT_EXIT(exit_code(supported_isas().back().c_str()), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(exit_code("altivec"), ::testing::ExitedWithCode(2), "");
}

}  // namespace
}  // namespace graft::kernels
