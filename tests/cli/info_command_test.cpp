// What `graft info` says, on the screen and as JSON.

#include <gtest/gtest.h>
#include <mlx/device.h>
#include <mlx/version.h>

#include <algorithm>
#include <string>
#include <vector>

#include "graft/io/json.h"
#include "graft/ops/backend.h"
#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

using namespace std::string_literals;

class Info : public ProgramTest {
 protected:
  // Variables of whoever runs the tests are not to matter: "" counts as not set.
  ProgramResult info(const std::vector<std::string>& more, std::vector<std::string> environment) {
    std::vector<std::string> arguments = {"info"}, all = {"GRAFT_THREADS=", "OMP_NUM_THREADS=",
                                                          "GRAFT_CPU_ISA=", "GRAFT_KERNELS="};
    arguments.insert(arguments.end(), more.begin(), more.end());
    all.insert(all.end(), environment.begin(), environment.end());
    return run(arguments, {.environment = all});
  }

  json told(std::vector<std::string> more = {}, std::vector<std::string> environment = {}) {
    more.insert(more.begin(), "--json");
    ProgramResult result = info(more, std::move(environment));
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    return io::parse_json(result.out, "graft info --json");
  }

  std::string screen(const std::vector<std::string>& more = {},
                     const std::vector<std::string>& environment = {}) {
    ProgramResult result = info(more, environment);
    EXPECT_EQ(result.code, 0) << result.err;
    EXPECT_EQ(result.err, "");
    return result.out;
  }
};

TEST_F(Info, SaysTheMachineOnOneScreen) {
  std::string out = screen();
  expect_line(out, "graft: +" GRAFT_VERSION);
  expect_line(out, std::string("MLX: +") + mlx::core::version());
  expect_line(out, "Processor: +[^ ].*");
  expect_line(out, "Cores: +[0-9]+ of [0-9]+ may be used.*");
  expect_line(out, "Threads: +[0-9]+, (one a core that may be used|what the container is granted)");
  expect_line(out, "Memory: +[0-9.]+ GB.*");
  expect_line(out, "Kernels: +(graft's own|MLX's operations), on .*");
  expect_line(out, "Data sets: +JSON(, CSV and Parquet| and CSV, not Parquet: .+)");
  EXPECT_LE(std::count(out.begin(), out.end(), '\n'), 24) << out;
}

TEST_F(Info, JsonSaysTheMachine) {
  json all = told();
  EXPECT_EQ(all.at("graft_version"), GRAFT_VERSION);
  EXPECT_EQ(all.at("mlx_version"), mlx::core::version());
  EXPECT_NE(all.at("cpu").at("model"), "");
  EXPECT_GE(all.at("cpu").at("usable_cores"), 1);
  EXPECT_LE(all.at("cpu").at("usable_cores"), all.at("cpu").at("cores"));
  json quota = all.at("cpu").at("quota_cores");
  EXPECT_TRUE(quota.is_null() || quota > 0) << quota;
  EXPECT_LE(all.at("threads").at("count"), all.at("cpu").at("usable_cores"));
  // More than this test has taken, and no less than is free.
  EXPECT_GT(all.at("memory").at("bytes"), 100'000'000);
  EXPECT_TRUE(all.at("memory").contains("limit_bytes"));
#ifdef __linux__
  EXPECT_GT(all.at("memory").at("available_bytes"), 1'000'000);
  EXPECT_LE(all.at("memory").at("available_bytes"), all.at("memory").at("bytes"));
#endif
  EXPECT_FALSE(all.contains("model"));
}

TEST_F(Info, SaysHowManyThreadsAndWhy) {
  auto expect = [&](const std::vector<std::string>& more,
                    const std::vector<std::string>& environment, int count, const char* from) {
    EXPECT_EQ(told(more, environment).at("threads"), (json{{"count", count}, {"from", from}}));
    expect_line(screen(more, environment), fmt::format("Threads: +{}, as {} says", count, from));
  };
  expect({}, {"OMP_NUM_THREADS=5"}, 5, "OMP_NUM_THREADS");
  expect({}, {"OMP_NUM_THREADS=5", "GRAFT_THREADS=3"}, 3, "GRAFT_THREADS");
  expect({"--threads", "7"}, {"OMP_NUM_THREADS=5", "GRAFT_THREADS=3"}, 7, "--threads");
  expect({"--threads", "7"}, {"GRAFT_THREADS=none"}, 7, "--threads");
  expect_refused(info({}, {"GRAFT_THREADS=none"}), 1,
                 "GRAFT_THREADS \"none\" is not a whole number from 1 to 1024");
}

TEST_F(Info, SaysThatMlxsOperationsAreUsed) {
  if (!ops::use_cpu_kernels()) GTEST_SKIP() << "needs the CPU kernels";
  json all = told({}, {"GRAFT_KERNELS=mlx"});
  EXPECT_EQ(all.at("kernels").at("path"), "mlx_cpu");
  EXPECT_EQ(all.at("kernels").at("graft_kernels"), "mlx");
  EXPECT_TRUE(all.at("instruction_set").is_null());
  EXPECT_TRUE(all.at("products").is_null());
  std::string out = screen({}, {"GRAFT_KERNELS=mlx"});
  expect_line(out, "Kernels: +MLX's operations, on the CPU.* \\(GRAFT_KERNELS=mlx\\)");
  EXPECT_EQ(out.find("Instruction set"), std::string::npos) << out;
}

TEST_F(Info, SaysTheInstructionSet) {
  if (!ops::use_cpu_kernels()) GTEST_SKIP() << "needs the CPU kernels";
  const std::vector<std::string> isas = ops::cpu_kernels().supported;
  json best = told();
  EXPECT_EQ(best.at("kernels"),
            (json{{"path", "graft_cpu"}, {"built_in", true}, {"graft_kernels", nullptr}}));
  EXPECT_EQ(best.at("instruction_set").at("name"), isas.front());
  EXPECT_EQ(best.at("instruction_set").at("available"), isas);
  EXPECT_FALSE(best.at("instruction_set").at("forced"));
  expect_line(screen(), "Instruction set: +" + isas.front() + ", the best of .*");
  for (const std::string& isa : isas) {
    json forced = told({}, {"GRAFT_CPU_ISA=" + isa});
    EXPECT_EQ(forced.at("instruction_set").at("name"), isa);
    EXPECT_TRUE(forced.at("instruction_set").at("forced"));
    const bool has_integers = isa.starts_with("avx3_") || isa == "amx";
    EXPECT_TRUE(!forced.at("instruction_set").at("avx512_vnni") || has_integers) << isa;
    EXPECT_TRUE(forced.at("instruction_set").at("avx512_vnni") || isa != "avx3_vnni");
    expect_line(
        screen({}, {"GRAFT_CPU_ISA=" + isa}),
        "Instruction set: +" + isa + ", as GRAFT_CPU_ISA says, out of .*" + isas.back() + ".*");
  }
  json scalar = told({}, {"GRAFT_CPU_ISA=scalar"});
  EXPECT_EQ(scalar.at("products"), (json{{"bf16", "f32"}, {"quantized", "f32"}}));
  EXPECT_FALSE(scalar.at("instruction_set").at("amx_bf16"));
}

TEST_F(Info, AnInstructionSetThatIsNotThereIsRefusedWithTheList) {
  if (!ops::use_cpu_kernels()) GTEST_SKIP() << "needs the CPU kernels";
  ProgramResult result = info({}, {"GRAFT_CPU_ISA=altivec"});
  expect_refused(result, 1, "GRAFT_CPU_ISA \"altivec\" is not an instruction set");
  for (const std::string& isa : ops::cpu_kernels().supported) {
    EXPECT_NE(result.err.find(isa), std::string::npos) << result.err;
  }
}

TEST_F(Info, SaysThatTheBuildHasNoKernels) {
  if (ops::has_cpu_kernels()) GTEST_SKIP() << "they are built in";
  EXPECT_FALSE(told().at("kernels").at("built_in"));
  EXPECT_TRUE(told().at("instruction_set").is_null());
}

TEST_F(Info, SaysWhatAModelIs) {
  json plain = told({"--model", "model"}).at("model");
  EXPECT_EQ(plain.at("path"), "model");
  EXPECT_EQ(plain.at("family"), "llama");
  EXPECT_EQ(plain.at("precision"), "float32");
  EXPECT_EQ(plain.at("layers"), 2);
  EXPECT_EQ(plain.at("vocabulary"), 260);
  EXPECT_EQ(plain.at("bytes"), 4 * plain.at("parameters").get<int64_t>());
  EXPECT_EQ(plain.at("tokenizer"), (json{{"kind", "byte-level BPE"}, {"tokens", 260}}));

  json config = io::parse_json(read_bytes(folder_ / "model" / "config.json"), "config.json");
  config["max_position_embeddings"] = 2048;
  write("model/config.json", config.dump());
  EXPECT_EQ(told({"--model", "model"}).at("model").at("context_length"), 2048);
  expect_line(screen({"--model", "model"}), "Context: +2048 tokens");
  config.erase("max_position_embeddings");
  write("model/config.json", config.dump());
  EXPECT_TRUE(told({"--model", "model"}).at("model").at("context_length").is_null());

  ASSERT_EQ(
      run({"convert", "--hf-path", "model", "--mlx-path", "q", "-q", "--q-group-size", "32"}).code,
      0);
  json packed = told({"--model", "q"}).at("model");
  EXPECT_EQ(packed.at("parameters"), plain.at("parameters"));
  EXPECT_LT(packed.at("bytes"), plain.at("bytes"));
  std::string out = screen({"--model", "q"});
  expect_line(out,
              "Model: +q: llama, 0\\.[0-9]+M parameters, 4 bits in groups of 32, 0\\.[0-9] MB");
  expect_line(out, "Layers: +2");
  expect_line(out, "Vocabulary: +260 tokens");
  expect_line(out, "Tokenizer: +byte-level BPE, 260 tokens");
}

TEST_F(Info, JsonHoldsAnyName) {
  const std::string valid = "m\x7f\xC2\x9b\"\\\xE2\x82\xAC";
  for (const std::string& name : {valid, "m\xff"s}) {
    fs::rename(folder_ / "model", folder_ / name);
    const ProgramResult result = info({"--json", "--model", name}, {});
    EXPECT_EQ(result.code, 0) << result.err;
    for (const char c : result.out) EXPECT_TRUE(c == '\n' || (c >= ' ' && c < 0x7f));
    EXPECT_EQ(io::parse_json(result.out, "graft info --json").at("model").at("path"),
              name == valid ? valid : "m\xEF\xBF\xBD");
    fs::rename(folder_ / name, folder_ / "model");
  }
}

TEST_F(Info, WrongModelsAndArgumentsAreRefused) {
  expect_refused(run({"info", "--model", "nowhere"}), 1, "there is no model folder nowhere");
  expect_refused(run({"info", "--model", "data"}), 1, "it has no config.json");
  expect_refused(run({"info", "--modle", "model"}), 2, "did you mean --model?");
  expect_refused(run({"info", "model"}), 2, "'model' belongs to no option");
}

}  // namespace
}  // namespace graft::testing
