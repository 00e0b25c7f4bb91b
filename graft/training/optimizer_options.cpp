#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "graft/base/error.h"
#include "graft/base/nearest.h"
#include "graft/training/optimizer.h"
#include "graft/training/optimizers/makers.h"

namespace graft::training {
namespace {

float narrow(const std::optional<double>& given, double otherwise) {
  return static_cast<float>(given.value_or(otherwise));
}

std::unique_ptr<Optimizer> adam(const OptimizerOptions& o) {
  const AdamConfig config{.beta1 = o.beta1.value_or(0.9),
                          .beta2 = o.beta2.value_or(0.999),
                          .eps = narrow(o.eps, 1e-8),
                          .weight_decay = narrow(o.weight_decay, o.name == "adamw" ? 0.01 : 0),
                          .bias_correction = o.bias_correction.value_or(false)};
  return o.adam_bits == 8 ? make_adam8(config) : make_adam(config);
}

std::unique_ptr<Optimizer> sgd(const OptimizerOptions& o) {
  const SgdConfig config{.momentum = o.momentum.value_or(0),
                         .dampening = o.dampening.value_or(0),
                         .weight_decay = narrow(o.weight_decay, 0),
                         .nesterov = o.nesterov.value_or(false)};
  if (config.nesterov && (config.momentum == 0 || config.dampening != 0)) {
    fail_usage("`nesterov` of sgd needs a `momentum` above 0, and no `dampening`");
  }
  return make_sgd(config);
}

std::unique_ptr<Optimizer> lion(const OptimizerOptions& o) {
  return make_lion({.beta1 = o.beta1.value_or(0.9),
                    .beta2 = o.beta2.value_or(0.99),
                    .weight_decay = narrow(o.weight_decay, 0)});
}

std::unique_ptr<Optimizer> adafactor(const OptimizerOptions& o) {
  const AdafactorConfig config{.eps = narrow(o.eps, 1e-30),
                               .scale_eps = narrow(o.scale_eps, 1e-3),
                               .clip_threshold = narrow(o.clip_threshold, 1),
                               .decay_rate = narrow(o.decay_rate, -0.8),
                               .beta1 = o.beta1,
                               .weight_decay = narrow(o.weight_decay, 0),
                               .scale_parameter = o.scale_parameter.value_or(false),
                               .relative_step = o.relative_step.value_or(false),
                               .warmup_init = o.warmup_init.value_or(false)};
  if (config.warmup_init && !config.relative_step) {
    fail_usage("`adafactor_warmup_init` needs `relative_step`");
  }
  if (config.relative_step && o.lora_plus_ratio != 1) {
    fail_usage("`lora_plus_ratio` has no effect on adafactor with `relative_step`");
  }
  return make_adafactor(config);
}

std::unique_ptr<Optimizer> muon(const OptimizerOptions& o) {
  return make_muon({.momentum = o.momentum.value_or(0.95),
                    .weight_decay = narrow(o.weight_decay, 0.01),
                    .nesterov = o.nesterov.value_or(true),
                    .ns_steps = o.ns_steps.value_or(5)});
}

struct OptimizerKind {
  std::string name;
  std::unique_ptr<Optimizer> (*make)(const OptimizerOptions& options);
  std::vector<std::string> options;  // that it has
};

const std::vector<OptimizerKind>& optimizer_kinds() {
  static const std::vector<OptimizerKind> all = {
      {"adam", adam, {"beta1", "beta2", "eps", "bias_correction", "adam_bits"}},
      {"adamw", adam, {"beta1", "beta2", "eps", "weight_decay", "bias_correction", "adam_bits"}},
      {"sgd", sgd, {"momentum", "dampening", "nesterov", "weight_decay"}},
      {"lion", lion, {"beta1", "beta2", "weight_decay"}},
      {"adafactor",
       adafactor,
       {"beta1", "eps", "weight_decay", "relative_step", "scale_parameter", "adafactor_warmup_init",
        "scale_eps", "clip_threshold", "adafactor_decay_rate"}},
      {"muon", muon, {"momentum", "nesterov", "ns_steps", "weight_decay"}}};
  return all;
}

// The options that are set.
std::vector<std::string> options_of(const OptimizerOptions& o) {
  std::vector<std::string> names;
  auto add = [&](const char* name, bool set) {
    if (set) names.emplace_back(name);
  };
  add("beta1", o.beta1.has_value());
  add("beta2", o.beta2.has_value());
  add("eps", o.eps.has_value());
  add("weight_decay", o.weight_decay.has_value());
  add("bias_correction", o.bias_correction.has_value());
  add("adam_bits", o.adam_bits != OptimizerOptions().adam_bits);
  add("momentum", o.momentum.has_value());
  add("dampening", o.dampening.has_value());
  add("nesterov", o.nesterov.has_value());
  add("ns_steps", o.ns_steps.has_value());
  add("relative_step", o.relative_step.has_value());
  add("scale_parameter", o.scale_parameter.has_value());
  add("adafactor_warmup_init", o.warmup_init.has_value());
  add("scale_eps", o.scale_eps.has_value());
  add("clip_threshold", o.clip_threshold.has_value());
  add("adafactor_decay_rate", o.decay_rate.has_value());
  return names;
}

void check_ranges(const OptimizerOptions& o) {
  auto check = [](const char* name, double value, bool fits, const char* expected) {
    if (!fits || !std::isfinite(value)) fail_usage("`{}` is {}: {}", name, value, expected);
  };
  auto fraction = [&](const char* name, const std::optional<double>& x) {
    if (x) check(name, *x, *x >= 0 && *x < 1, "it is at least 0 and less than 1");
  };
  auto not_negative = [&](const char* name, const std::optional<double>& x) {
    if (x) check(name, *x, *x >= 0, "it is at least 0");
  };
  auto positive = [&](const char* name, const std::optional<double>& x) {
    if (x) check(name, *x, *x > 0, "it is more than 0");
  };
  fraction("beta1", o.beta1);
  fraction("beta2", o.beta2);
  fraction("momentum", o.momentum);
  fraction("dampening", o.dampening);
  // As an f32: B of LoRA is zero at first, and a quotient of zeros is no number.
  if (o.eps) check("eps", *o.eps, static_cast<float>(*o.eps) > 0, "it is more than 0");
  not_negative("weight_decay", o.weight_decay);
  not_negative("scale_eps", o.scale_eps);
  if (o.dampening && o.momentum.value_or(0) == 0) {
    fail_usage("`dampening` of sgd needs a `momentum` above 0");
  }
  positive("clip_threshold", o.clip_threshold);
  positive("lora_plus_ratio", o.lora_plus_ratio);
  if (o.decay_rate)
    check("adafactor_decay_rate", *o.decay_rate, *o.decay_rate < 0, "it is less than 0");
  if (o.ns_steps) check("ns_steps", *o.ns_steps, *o.ns_steps > 0, "it is more than 0");
  check("adam_bits", o.adam_bits, o.adam_bits == 8 || o.adam_bits == 32, "it is 8 or 32");
}

}  // namespace

std::vector<std::string> optimizer_names() {
  std::vector<std::string> names;
  for (const OptimizerKind& kind : optimizer_kinds()) names.push_back(kind.name);
  return names;
}

std::unique_ptr<Optimizer> make_optimizer(const OptimizerOptions& options) {
  const auto kind = std::find_if(optimizer_kinds().begin(), optimizer_kinds().end(),
                                 [&](const OptimizerKind& k) { return k.name == options.name; });
  if (kind == optimizer_kinds().end()) {
    fail_usage("there is no optimizer '{}': {}", options.name,
               choices_for(options.name, optimizer_names()));
  }
  for (const std::string& name : options_of(options)) {
    if (std::find(kind->options.begin(), kind->options.end(), name) == kind->options.end()) {
      fail_usage("`{}` is no option of {}, which has `{}`", name, kind->name,
                 fmt::join(kind->options, "`, `"));
    }
  }
  check_ranges(options);
  std::unique_ptr<Optimizer> optimizer = kind->make(options);
  if (options.lora_plus_ratio == 1) return optimizer;
  return make_lora_plus(std::move(optimizer), static_cast<float>(options.lora_plus_ratio));
}

}  // namespace graft::training
