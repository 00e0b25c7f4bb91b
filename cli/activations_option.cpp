#include "cli/activations_option.h"

#include <string>

namespace graft::cli {

void add_activations_option(CLI::App& command, engine::Runtime& runtime) {
  command
      .add_option_function<std::string>(
          "--activations",
          [&runtime](const std::string& name) {
            if (name == "exact") return runtime.set_activations(ops::Activations::exact);
            runtime.set_activations(ops::Activations::int8);
            if (ops::has_int8_products()) return;
            runtime.front_end().note(
                "Activations stay exact: this processor has no dot products of 8-bit integers that "
                "graft uses (AVX-512 VNNI)");
          },
          "What quantized weights are multiplied with where nothing is trained through them (lower "
          "layers, validation, prompts): exact, or int8, which rounds to 8 bits and is faster")
      ->check(CLI::IsMember({"exact", "int8"}))
      ->option_text("exact|int8 [exact]");
}

}  // namespace graft::cli
