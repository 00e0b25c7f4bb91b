// The entry point of every benchmark: Google Benchmark's, with the machine's peaks in the context,
// and --json.

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include <cstdio>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include "bench/peaks.h"
#include "graft/base/threads.h"
#include "graft/engine/runtime.h"
#include "graft/kernels/isa.h"

namespace {

void print_help() {
  benchmark::PrintDefaultHelp();
  fmt::print(
      "  --json        JSON instead of the table: --benchmark_format=json\n"
      "  --json=FILE   the table, and JSON into FILE\n"
      "GRAFT_CPU_ISA and GRAFT_THREADS hold in benchmarks as they do in graft.\n");
}

// The arguments with --json spelled as Google Benchmark's own.
std::vector<std::string> arguments(int argc, char** argv) {
  std::vector<std::string> result;
  for (std::string_view argument : std::vector<std::string_view>(argv, argv + argc)) {
    constexpr std::string_view kFile = "--json=";
    if (argument == "--json") {
      result.emplace_back("--benchmark_format=json");
    } else if (argument.starts_with(kFile)) {
      result.push_back(fmt::format("--benchmark_out={}", argument.substr(kFile.size())));
      result.emplace_back("--benchmark_out_format=json");
    } else {
      result.emplace_back(argument);
    }
  }
  return result;
}

void add_context() {
  const graft::bench::Peaks& peaks = graft::bench::peaks();
  auto add = [](const char* key, auto value) {
    benchmark::AddCustomContext(key, fmt::format("{}", value));
  };
  add("instruction set", graft::kernels::isa_name());
  add("threads", graft::num_threads());
  add("peak f32 GFLOPS", fmt::format("{:.1f}", peaks.f32_gflops));
  add("peak bf16 GFLOPS", fmt::format("{:.1f}", peaks.bf16_gflops));
  add("memory read GB/s", fmt::format("{:.1f}", peaks.read_gb_per_s));
}

}  // namespace

int main(int argc, char** argv) try {
  graft::engine::tune_memory();  // as the program does
  std::vector<std::string> given = arguments(argc, argv);
  std::vector<char*> pointers;
  for (std::string& argument : given) pointers.push_back(argument.data());
  int count = static_cast<int>(pointers.size());
  pointers.push_back(nullptr);
  benchmark::Initialize(&count, pointers.data(), print_help);
  if (benchmark::ReportUnrecognizedArguments(count, pointers.data())) return 2;
  add_context();
  benchmark::RunSpecifiedBenchmarks();
  return 0;
} catch (const std::exception& error) {
  fmt::print(stderr, "{}\n", error.what());
  return 2;
}
