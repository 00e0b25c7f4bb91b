#include "cli/activations_option.h"

#include <algorithm>
#include <string>
#include <variant>
#include <vector>

#include "graft/models/parts.h"
#include "graft/nn/linear.h"

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

void tell_of_activations(const engine::Runtime& runtime, const engine::LoadedModel& loaded) {
  if (runtime.options().activations != ops::Activations::int8) return;
  if (!ops::has_int8_products()) {
    return runtime.front_end().note(
        "Activations stay exact: there are no products of 8-bit integers here that graft uses (its "
        "own kernels, on a processor with AVX-512 VNNI or, for weights of up to 4 bits, with "
        "AVX2)");
  }
  const std::vector<models::LinearPart> linears = models::linears_of(loaded.model->parts());
  const bool any = std::any_of(linears.begin(), linears.end(), [](const models::LinearPart& part) {
    return std::holds_alternative<nn::Linear*>(part.linear) &&
           ops::has_int8_products(part.weight());
  });
  if (any) return;
  runtime.front_end().note(
      "Activations stay exact: the linear layers are of {}. Those multiplied with 8-bit integers "
      "are of mode affine, of up to 4 bits where there is no AVX-512 VNNI, and no experts",
      loaded.precision());
}

}  // namespace graft::cli
