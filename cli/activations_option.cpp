#include "cli/activations_option.h"

#include <string>

namespace graft::cli {

void add_activations_option(CLI::App& command, engine::Runtime& runtime) {
  command
      .add_option_function<std::string>(
          "--activations",
          [&runtime](const std::string& name) {
            runtime.set_activations(name == "int8" ? ops::Activations::int8
                                                   : ops::Activations::exact);
          },
          "What quantized weights are multiplied with where nothing is trained through them (lower "
          "layers, validation, prompts, many answers at a time): exact, or int8, which rounds to 8 "
          "bits and is faster")
      ->default_str("exact")
      ->check(CLI::IsMember({"exact", "int8"}))
      ->option_text("exact|int8 [exact]");
}

void tell_of_activations(const engine::Runtime& runtime) {
  const bool asked = runtime.options().activations == ops::Activations::int8;
  if (!asked || ops::has_int8_products()) return;
  runtime.front_end().note(
      "Activations stay exact: there are no products of 8-bit integers here that graft uses (its "
      "own kernels, on a processor with AVX-512 VNNI or, for weights of up to 4 bits, with AVX2)");
}

}  // namespace graft::cli
