#include "graft/training/schedule.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "graft/base/error.h"
#include "graft/base/nearest.h"

namespace graft::training {
namespace {

// The rate after the warm-up, by the steps since its end.
using Decay = std::function<double(double step)>;

double last_rate(const ScheduleOptions& o) { return o.min_lr.value_or(0); }

// 0 to 1 in `steps` steps.
double progress(double step, double steps) { return step < steps ? step / steps : 1; }

double steps_after_warmup(const ScheduleOptions& o) {
  return static_cast<double>(o.length - warmup_steps(o));
}

Decay constant(const ScheduleOptions& o) {
  return [rate = o.learning_rate](double) { return rate; };
}

Decay linear(const ScheduleOptions& o) {
  return [rate = o.learning_rate, last = last_rate(o), steps = steps_after_warmup(o)](double step) {
    return rate + (last - rate) * progress(step, steps);
  };
}

Decay cosine(const ScheduleOptions& o) {
  return [rate = o.learning_rate, last = last_rate(o), steps = steps_after_warmup(o)](double step) {
    return last + (rate - last) * (1 + std::cos(std::numbers::pi * progress(step, steps))) / 2;
  };
}

Decay exponential(const ScheduleOptions& o) {
  return [rate = o.learning_rate, last = last_rate(o), decay = *o.decay_rate,
          steps = steps_after_warmup(o)](double step) {
    return std::max(last, rate * std::pow(decay, std::min(step, steps)));
  };
}

Decay in_steps(const ScheduleOptions& o) {
  return [rate = o.learning_rate, last = last_rate(o), decay = *o.decay_rate,
          size = static_cast<double>(*o.step_size), steps = steps_after_warmup(o)](double step) {
    return std::max(last, rate * std::pow(decay, std::floor(std::min(step, steps) / size)));
  };
}

Decay warmup_stable_decay(const ScheduleOptions& o) {
  const double steps = steps_after_warmup(o);
  const double decaying =
      std::min(steps, std::max(1.0, std::round(o.decay_share.value_or(0.1) * o.length)));
  return [rate = o.learning_rate, last = last_rate(o), stable = steps - decaying,
          decaying](double step) {
    return step < stable ? rate : rate + (last - rate) * progress(step - stable, decaying);
  };
}

struct ScheduleKind {
  std::string name;
  Decay (*make)(const ScheduleOptions& options);
  std::vector<std::string> options;   // that it has
  std::vector<std::string> required;  // and those that must be given
};

const std::vector<ScheduleKind>& schedule_kinds() {
  static const std::vector<ScheduleKind> all = {
      {"constant", constant, {}, {}},
      {"linear", linear, {"min_lr"}, {}},
      {"cosine", cosine, {"min_lr"}, {}},
      {"step", in_steps, {"decay_rate", "step_size", "min_lr"}, {"decay_rate", "step_size"}},
      {"exponential", exponential, {"decay_rate", "min_lr"}, {"decay_rate"}},
      {"wsd", warmup_stable_decay, {"decay_share", "min_lr"}, {}}};
  return all;
}

const ScheduleKind& kind_of(const ScheduleOptions& o) {
  for (const ScheduleKind& kind : schedule_kinds()) {
    if (kind.name == o.name) return kind;
  }
  fail_usage("there is no schedule '{}': {}", o.name, choices_for(o.name, schedule_names()));
}

bool is_mlx_schedule(const std::string& name) {
  const std::vector<std::string> names = mlx_schedule_names();
  return std::find(names.begin(), names.end(), name) != names.end();
}

// The options that are set, besides those that all have.
std::vector<std::string> options_of(const ScheduleOptions& o) {
  std::vector<std::string> names;
  if (o.min_lr) names.emplace_back("min_lr");
  if (o.decay_rate) names.emplace_back("decay_rate");
  if (o.step_size) names.emplace_back("step_size");
  if (o.decay_share) names.emplace_back("decay_share");
  return names;
}

void check_names(const ScheduleKind& kind, const std::vector<std::string>& given) {
  auto has = [](const std::vector<std::string>& names, const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  for (const std::string& name : given) {
    if (has(kind.options, name)) continue;
    if (kind.options.empty()) fail_usage("`{}` is no option of schedule {}", name, kind.name);
    fail_usage("`{}` is no option of schedule {}, which has `{}`", name, kind.name,
               fmt::join(kind.options, "`, `"));
  }
  for (const std::string& name : kind.required) {
    if (!has(given, name)) fail_usage("schedule {} needs `{}`", kind.name, name);
  }
}

void check_ranges(const ScheduleOptions& o) {
  auto check = [](const char* name, double value, bool fits, const char* expected) {
    if (!fits || !std::isfinite(value)) fail_usage("`{}` is {}: {}", name, value, expected);
  };
  const double last = last_rate(o), decay = o.decay_rate.value_or(1),
               share = o.decay_share.value_or(1);
  check("learning_rate", o.learning_rate, o.learning_rate >= 0, "it is at least 0");
  check("min_lr", last, last >= 0, "it is at least 0");
  check("warmup", o.warmup, o.warmup >= 0, "it is at least 0");
  check("warmup_init", o.warmup_init, o.warmup_init >= 0, "it is at least 0");
  check("decay_rate", decay, decay > 0 && decay <= 1, "it is more than 0 and at most 1");
  check("decay_share", share, share > 0 && share <= 1, "it is more than 0 and at most 1");
  if (o.step_size.value_or(1) < 1) fail_usage("`step_size` is {}: it is at least 1", *o.step_size);
  if (last > o.learning_rate) {
    fail_usage("`min_lr` {} is above `learning_rate` {}", last, o.learning_rate);
  }
  if (o.length < 0 || (o.length == 0 && o.name != "constant")) {
    fail_usage("`length` is {}: schedule {} has at least one step", o.length, o.name);
  }
  if (o.warmup > static_cast<double>(o.length)) {
    fail_usage("`warmup` is {} steps, and all are {}", o.warmup, o.length);
  }
}

}  // namespace

Schedule constant_schedule(float rate) {
  return [rate](int64_t) { return rate; };
}

std::vector<std::string> schedule_names() {
  std::vector<std::string> names;
  for (const ScheduleKind& kind : schedule_kinds()) names.push_back(kind.name);
  for (const std::string& name : mlx_schedule_names()) names.push_back(name);
  return names;
}

int64_t warmup_steps(const ScheduleOptions& o) {
  const double steps = o.warmup < 1 ? o.warmup * static_cast<double>(o.length) : o.warmup;
  return static_cast<int64_t>(std::ceil(steps));
}

int64_t given_length(const ScheduleOptions& o) {
  if (!is_mlx_schedule(o.name)) return o.length;
  return mlx_schedule_length(o.name, o.arguments, o.warmup).value_or(0);
}

Schedule make_schedule(const ScheduleOptions& options) {
  if (is_mlx_schedule(options.name)) {
    for (const std::string& name : options_of(options)) {
      fail_usage("`{}` is no option of schedule {}, which has `schedule_arguments`", name,
                 options.name);
    }
    return mlx_schedule(options.name, options.arguments, options.warmup, options.warmup_init);
  }
  const ScheduleKind& kind = kind_of(options);
  if (!options.arguments.empty()) {
    fail_usage("`schedule_arguments` are no option of schedule {}: they are of {}", kind.name,
               fmt::join(mlx_schedule_names(), ", "));
  }
  check_names(kind, options_of(options));
  check_ranges(options);
  return [rate = options.learning_rate, warmup = warmup_steps(options), first = options.warmup_init,
          decay = kind.make(options)](int64_t step) {
    const double done = static_cast<double>(step), rise = static_cast<double>(warmup);
    return static_cast<float>(step < warmup ? first + (rate - first) * done / rise
                                            : decay(done - rise));
  };
}

Schedule schedule_of_run(ScheduleOptions options, int64_t steps) {
  if (options.length == 0) options.length = steps;
  return make_schedule(options);
}

std::optional<std::string> cut_short(const Schedule& schedule, int64_t length,
                                     int64_t steps_of_run) {
  if (length <= steps_of_run || steps_of_run < 1) return {};
  const float last = schedule(steps_of_run - 1), end = schedule(length);
  if (last == end) return {};
  return fmt::format(
      "the schedule has {} steps and the run {}: the learning rate ends at {:.3g}, "
      "not at {:.3g}",
      length, steps_of_run, last, end);
}

}  // namespace graft::training
