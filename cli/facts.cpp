#include "cli/facts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/version.h>

#include <cstdlib>

#include "graft/base/config_reader.h"
#include "graft/base/machine.h"
#include "graft/base/threads.h"
#include "graft/data/rows/parquet_library.h"
#include "graft/ops/backend.h"

namespace graft::cli {
namespace {

std::string gigabytes(size_t bytes) {
  return fmt::format("{:.2f} GB", static_cast<double>(bytes) / 1e9);
}

std::string environment(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

template <class T>
ordered_json or_null(const std::optional<T>& value) {
  return value ? ordered_json(*value) : ordered_json();
}

Fact processor() {
  const Processors found = find_processors();
  const std::string name = processor_name();
  std::optional<double> quota;
  if (found.quota > 0) quota = found.quota;
  std::string cores = fmt::format("{} of {} may be used", found.allowed, found.online);
  if (quota) cores += fmt::format("; the container is granted the time of {:.4g}", *quota);
  return {"cpu",
          {{"model", name},
           {"cores", found.online},
           {"usable_cores", found.allowed},
           {"quota_cores", or_null(quota)}},
          {{"Processor", name}, {"Cores", cores}}};
}

Fact threads() {
  struct Source {
    const char *key, *text;
  };
  const Source source = [] {
    switch (threads_from()) {
      case ThreadsFrom::scope:
        return Source{"--threads", "as --threads says"};
      case ThreadsFrom::graft_threads:
        return Source{"GRAFT_THREADS", "as GRAFT_THREADS says"};
      case ThreadsFrom::omp_num_threads:
        return Source{"OMP_NUM_THREADS", "as OMP_NUM_THREADS says"};
      case ThreadsFrom::quota:
        return Source{"quota", "what the container is granted"};
      case ThreadsFrom::processors:
        break;
    }
    return Source{"cores", "one a core that may be used"};
  }();
  return {"threads",
          {{"count", num_threads()}, {"from", source.key}},
          {{"Threads", fmt::format("{}, {}", num_threads(), source.text)}}};
}

Fact memory() {
  const MachineMemory found = machine_memory();
  std::string text = gigabytes(found.total);
  if (found.available) text += fmt::format(", {} available", gigabytes(*found.available));
  if (found.limit) text += fmt::format("; the container may take {}", gigabytes(*found.limit));
  return {"memory",
          {{"bytes", found.total},
           {"available_bytes", or_null(found.available)},
           {"limit_bytes", or_null(found.limit)}},
          {{"Memory", text}}};
}

Fact kernels_in_use() {
  const std::string variable = environment("GRAFT_KERNELS");
  const std::string path = ops::path_in_use();
  std::string text = "MLX's operations, on the CPU";
  if (path == "graft_cpu") {
    text = "graft's own, on the CPU";
  } else if (path == "mlx_metal") {
    text = "MLX's operations, on Metal";
  } else if (path == "mlx_cuda") {
    text = "MLX's operations, on CUDA";
  } else if (!ops::has_cpu_kernels()) {
    text += ": this build is without graft's own";
  }
  if (!variable.empty()) {
    text += fmt::format(" (GRAFT_KERNELS={}{})", variable,
                        variable == "mlx" ? "" : ", which means nothing: mlx alone does");
  }
  return {"kernels",
          {{"path", path},
           {"built_in", ops::has_cpu_kernels()},
           {"graft_kernels", variable.empty() ? ordered_json() : ordered_json(variable)}},
          {{"Kernels", text}}};
}

// Only MLX knows the instruction set of its own operations.
Fact instruction_set() {
  if (!ops::use_cpu_kernels()) return {"instruction_set", nullptr, {}};
  const ops::CpuKernels kernels = ops::cpu_kernels();
  const bool forced = !environment("GRAFT_CPU_ISA").empty();
  std::string text =
      fmt::format("{}, {} of {}", kernels.isa, forced ? "as GRAFT_CPU_ISA says, out" : "the best",
                  fmt::join(kernels.supported, ", "));
  if (kernels.avx512_bf16) {
    text += fmt::format("; with AVX-512 bf16{}", kernels.amx_bf16 ? " and AMX tiles" : "");
  }
  return {"instruction_set",
          {{"name", kernels.isa},
           {"forced", forced},
           {"available", kernels.supported},
           {"avx512_vnni", kernels.avx512_vnni},
           {"avx512_bf16", kernels.avx512_bf16},
           {"amx_bf16", kernels.amx_bf16}},
          {{"Instruction set", text}}};
}

// How weights are multiplied with activations.
Fact products() {
  if (!ops::use_cpu_kernels()) return {"products", nullptr, {}};
  const ops::CpuKernels kernels = ops::cpu_kernels();
  if (kernels.multiplies_bf16) {
    return {"products",
            {{"bf16", "bf16"}, {"quantized", "bf16"}},
            {{"Products", "bf16 and quantized weights are multiplied as bf16, summed in f32"}}};
  }
  if (kernels.multiplies_integers) {
    return {
        "products",
        {{"bf16", "f32"}, {"quantized", "int16"}},
        {{"Products",
          "quantized weights are multiplied as the integers they are; bf16 is widened to f32"}}};
  }
  return {"products",
          {{"bf16", "f32"}, {"quantized", "f32"}},
          {{"Products", "bf16 and quantized weights are widened to f32"}}};
}

Fact data_sets() {
  const std::string missing = data::no_parquet_because();
  const std::string text = missing.empty() ? "JSON, CSV and Parquet"
                                           : fmt::format("JSON and CSV, not Parquet: {}", missing);
  return {"parquet", missing.empty(), {{"Data sets", text}}};
}

}  // namespace

std::vector<Fact> machine_facts() {
  const char* mlx = mlx::core::version();
  return {{"graft_version", GRAFT_VERSION, {{"graft", GRAFT_VERSION}}},
          {"mlx_version", mlx, {{"MLX", mlx}}},
          processor(),
          threads(),
          memory(),
          kernels_in_use(),
          instruction_set(),
          products(),
          data_sets()};
}

Fact model_fact(const engine::LoadedModel& loaded) {
  const models::Model& model = *loaded.model;
  const std::string path = loaded.folder.path().string();
  const ConfigReader config(loaded.folder.config(), path + "/config.json");
  const std::string family = config.text("model_type");
  std::optional<int64_t> context;
  if (config.has("max_position_embeddings")) context = config.integer("max_position_embeddings");
  const std::string kind = loaded.tokenizer.kind();
  const size_t tokens = loaded.tokenizer.vocab_size();
  return {"model",
          {{"path", path},
           {"family", family},
           {"parameters", model.parameters()},
           {"bytes", model.bytes()},
           {"precision", loaded.precision()},
           {"layers", model.num_layers()},
           {"vocabulary", model.vocab_size()},
           {"context_length", or_null(context)},
           {"tokenizer", {{"kind", kind}, {"tokens", tokens}}}},
          {{"Model", fmt::format("{}: {}, {:.3f}M parameters, {}, {:.1f} MB", path, family,
                                 static_cast<double>(model.parameters()) / 1e6, loaded.precision(),
                                 static_cast<double>(model.bytes()) / 1e6)},
           {"Layers", fmt::format("{}", model.num_layers())},
           {"Vocabulary", fmt::format("{} tokens", model.vocab_size())},
           {"Context", context ? fmt::format("{} tokens", *context) : "the config does not say"},
           {"Tokenizer", fmt::format("{}, {} tokens", kind, tokens)}}};
}

}  // namespace graft::cli
