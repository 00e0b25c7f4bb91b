#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/activations_option.h"
#include "cli/commands.h"
#include "cli/flags.h"
#include "cli/lora_options.h"
#include "cli/named.h"
#include "cli/number_checks.h"
#include "cli/output.h"
#include "cli/plan_output.h"
#include "cli/threads_option.h"
#include "graft/base/threads.h"
#include "graft/engine/data_split.h"
#include "graft/ops/backend.h"

namespace graft::cli {
namespace {

struct PlanCommand {
  LoraOptions lora;
  bool json = false, fit = false;
  int ranks = 1;
};

struct MemoryPart {
  const char *key, *text;
  size_t bytes;
};

std::vector<MemoryPart> parts_of(const plan::Memory& m) {
  return {{"weights", "weights of the model, mapped from its files", m.weights},
          {"activations", "activations, kept for the gradient", m.activations},
          {"gradients", "gradients", m.gradients},
          {"optimizer", "adapters, and what the optimizer keeps", m.optimizer},
          {"logits", "block of logits", m.logits},
          {"scratch", "what kernels work with", m.scratch},
          {"heap", "gaps in the heap", m.heap},
          {"program", "program, tokenizer and data", m.program}};
}

ordered_json to_json(const plan::Plan& plan, const UsableMemory& usable,
                     const std::vector<engine::Remedy>& remedies) {
  ordered_json memory = {{"bytes", plan.memory.total()}};
  for (const MemoryPart& part : parts_of(plan.memory)) memory[part.key] = part.bytes;
  memory["usable_bytes"] = usable.bytes;
  memory["fits"] = plan.memory.total() <= usable.bytes;
  ordered_json json = {{"memory", memory},
                       {"time",
                        {{"step_seconds", plan.time.step},
                         {"exchange_seconds", plan.time.exchange},
                         {"kept_layers", plan.time.kept_layers},
                         {"kept_step_seconds", plan.time.kept_step},
                         {"validation_seconds", plan.time.validation},
                         {"validations", plan.time.validations},
                         {"run_seconds", plan.time.run}}},
                       {"iters", plan.iters},
                       {"largest_batch_tokens", plan.largest_batch},
                       {"ranks", plan.ranks}};
  if (remedies.empty()) return json;
  json["remedies"] = ordered_json::array();
  for (const engine::Remedy& r : remedies) {
    json["remedies"].push_back(
        {{"what", with_flags(r.what)}, {"bytes", r.bytes}, {"fits", r.fits}});
  }
  return json;
}

void print_plan(const plan::Plan& plan, const UsableMemory& usable,
                const std::vector<engine::Remedy>& remedies) {
  print_out("Memory: {} at most{}, in a batch of {} tokens; {} {}\n",
            plan::gigabytes(plan.memory.total()),
            plan.ranks > 1 ? fmt::format(" for each of {} processes", plan.ranks) : "",
            plan.largest_batch, usable.from, plan::gigabytes(usable.bytes));
  for (const MemoryPart& part : parts_of(plan.memory)) {
    print_out("  {:>9}  {}\n", plan::gigabytes(part.bytes), part.text);
  }
  const plan::Time& time = plan.time;
  print_out("Time:   {} in all: {} steps of {}, {} validations of {}\n", plan::duration(time.run),
            plan.iters, plan::step_text(time), time.validations, plan::duration(time.validation));
  if (plan.ranks > 1 && time.exchange > 0) {
    print_out("        of a step {} pass with gradients on their way between the processes\n",
              plan::duration(time.exchange));
  }
  if (plan.memory.total() > usable.bytes) {
    print_out("It does not fit: {}\n", too_large(plan, usable));
  }
  if (!remedies.empty()) print_out("What would make it smaller:\n{}", remedy_lines(remedies));
}

void run(const PlanCommand& o, const engine::Runtime& runtime) {
  const engine::NamedData data = named_data(runtime, o.lora.data, {"train", "valid"});
  engine::LoadedModel loaded = load_named_to_plan(runtime, o.lora.model);
  const auto split = [&](const char* name) {
    return data.load(name, loaded, o.lora.tune.render, runtime.front_end());
  };
  const data::Dataset train = split("train");
  const data::Dataset valid = data.has("valid") ? split("valid") : data::Dataset{.name = "valid"};
  engine::FineTuneOptions options = o.lora.tune;
  options.only_planned = true;
  options.named = named_options(o.lora);
  engine::find_places(options.trunk, runtime);
  options.planned_ranks = o.ranks;
  options.exchange = distributed::read_exchange_speed(exchange_file(runtime));
  if (o.ranks > 1 && !options.exchange) {
    runtime.front_end().note(
        "What gradients take on their way between processes is not in this: a training of several "
        "measures it, and none was here yet");
  } else if (o.ranks > 1) {
    runtime.front_end().note("Between the processes, as {} of them measured it over {}",
                             options.exchange->ranks, options.exchange->backend);
  }
  const engine::FineTune tune(loaded, std::move(options), runtime.front_end());
  const plan::Plan plan = tune.plan(train, valid, speed_file(runtime));
  if (!ops::use_cpu_kernels()) {
    runtime.front_end().note(
        "The figures are of graft's CPU kernels, which these are not: they may be far off");
  }
  const UsableMemory usable = usable_for(plan, o.lora.tune.trunk);
  std::vector<engine::Remedy> remedies;
  if (!o.lora.tune.trunk.limit && (o.fit || plan.memory.total() > usable.bytes)) {
    remedies = tune.remedies(train, valid, plan, usable.bytes);
  }
  if (o.json) {
    print_json(to_json(plan, usable, remedies));
  } else {
    print_plan(plan, usable, remedies);
  }
}

}  // namespace

void add_plan_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<PlanCommand>();
  CLI::App* command = app.add_subcommand(
      "plan", "Say what memory and time a training will take: the same options as `lora`");
  add_lora_options(*command, o->lora);
  command->add_flag("--fit", o->fit, "Say what would make it smaller even if it fits");
  command->add_option("--ranks", o->ranks, "Processes that share each batch, each on its own host")
      ->check(positive());
  command->add_flag("--json", o->json, "Print JSON, for scripts");
  add_threads_option(*command, runtime, "Threads of the training");
  add_activations_option(*command, runtime);
  on_run(*command, runtime, [o, command, &runtime] {
    o->lora.train = o->lora.only_planned = true;
    complete_lora_options(*command, o->lora, runtime.front_end());
    const engine::Use use(runtime);  // with what a configuration says
    run(*o, runtime);
  });
}

}  // namespace graft::cli
