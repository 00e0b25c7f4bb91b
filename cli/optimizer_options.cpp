#include "cli/optimizer_options.h"

#include <fmt/ranges.h>

#include <cstdint>
#include <optional>

#include "cli/number_checks.h"

namespace graft::cli {

void add_optimizer_options(CLI::App& command, training::TrainOptions& o) {
  training::OptimizerOptions& optimizer = o.optimizer;
  training::ScheduleOptions& schedule = o.schedule;
  command.add_option("--optimizer", optimizer.name,
                     fmt::format("{}; muon is for matrices, with adamw for the rest",
                                 fmt::join(training::optimizer_names(), ", ")));
  command.add_option("--learning-rate", schedule.learning_rate, "Of the optimizer")
      ->check(not_negative());
  command
      .add_option("--weight-decay", optimizer.weight_decay,
                  "Weights shrink by this share of the learning rate in a step [0.01 of adamw and "
                  "muon]")
      ->check(not_negative());
  command.add_option("--beta1", optimizer.beta1, "Of adam, adamw, lion [0.9]; of adafactor");
  command.add_option("--beta2", optimizer.beta2, "Of adam, adamw [0.999], lion [0.99]");
  command.add_option("--eps", optimizer.eps, "Of adam, adamw [1e-8], adafactor [1e-30]");
  // Not bound to the optionals: the library would set them where the flag is not given.
  const auto add_flag = [&](const char* name, std::optional<bool>& value, const char* help) {
    return command
        .add_flag_function(
            name, [&value](int64_t given) { value = given > 0; }, help)
        ->check(boolean());
  };
  add_flag("--bias-correction", optimizer.bias_correction,
           "Of adam and adamw, as PyTorch has it; MLX has none");
  command.add_option("--momentum", optimizer.momentum, "Of sgd [0], muon [0.95]");
  command.add_option("--dampening", optimizer.dampening, "Of sgd [0]");
  add_flag("--nesterov", optimizer.nesterov, "Of sgd; muon has it");
  command.add_option("--adam-bits", optimizer.adam_bits,
                     "Bits of adam's and adamw's moving averages: 32 or 8");
  const char* rare = "Options of muon and adafactor";
  command.add_option("--ns-steps", optimizer.ns_steps, "Newton-Schulz iterations of muon [5]")
      ->group(rare);
  add_flag("--relative-step", optimizer.relative_step,
           "Adafactor's own rate, 1 / sqrt(step), in place of the learning rate")
      ->group(rare);
  add_flag("--scale-parameter", optimizer.scale_parameter,
           "Adafactor's steps scale with the size of the parameter")
      ->group(rare);
  add_flag("--adafactor-warmup-init", optimizer.warmup_init, "With --relative-step: a slower start")
      ->group(rare);
  command
      .add_option("--scale-eps", optimizer.scale_eps,
                  "Adafactor's least size of a parameter [1e-3]")
      ->group(rare);
  command
      .add_option("--clip-threshold", optimizer.clip_threshold,
                  "Adafactor's largest root mean square of a step [1]")
      ->group(rare);
  command
      .add_option("--adafactor-decay-rate", optimizer.decay_rate,
                  "Exponent of adafactor's moving average of squares [-0.8]")
      ->group(rare);
  command
      .add_option("--lora-plus-ratio", optimizer.lora_plus_ratio,
                  "Factor of the learning rate of lora_b (LoRA+)")
      ->check(above_zero());
  command.add_option("--grad-clip", o.max_norm, "Largest norm of all gradients together; 0: none")
      ->check(not_negative());
  command.add_option(
      "--schedule", schedule.name,
      fmt::format("Of the learning rate: {}", fmt::join(training::schedule_names(), ", ")));
  command
      .add_option("--warmup", schedule.warmup,
                  "Steps in which the learning rate rises from 0; below 1: a share of the run")
      ->check(not_negative());
  command.add_option("--warmup-init", schedule.warmup_init, "What the learning rate rises from")
      ->check(not_negative());
  command.add_option("--min-lr", schedule.min_lr, "What the learning rate falls to [0]")
      ->check(not_negative());
  command.add_option("--decay-rate", schedule.decay_rate, "Of the schedules step and exponential");
  command.add_option("--step-size", schedule.step_size, "Of the schedule step")->check(positive());
  command
      .add_option("--decay-share", schedule.decay_share,
                  "Share of the run in which the schedule wsd falls [0.1]")
      ->check(number_between(0, 1));
  command
      .add_option("--schedule-arguments", schedule.arguments,
                  fmt::format("Of {}, as mlx-lm's lr_schedule has them; the first is the learning "
                              "rate",
                              fmt::join(training::mlx_schedule_names(), ", ")))
      ->delimiter(',')
      ->take_all();
  // 0, the length of the run, is no value that one gives.
  command.add_option("--schedule-iters", schedule.length, "Iterations of the schedule [--iters]")
      ->check(positive())
      ->default_str("");
}

}  // namespace graft::cli
