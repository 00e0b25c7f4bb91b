#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace graft::training {

/// The learning rate of a step, by the number of steps before it.
using Schedule = std::function<float(int64_t step)>;

Schedule constant_schedule(float rate);

/// A learning rate that rises in a straight line from `warmup_init` to `learning_rate` during the
/// warm-up, and then, with t from 0 to 1 over the rest of `length` steps,
///   constant     stays
///   linear       falls to min_lr in a straight line
///   cosine       min_lr + (learning_rate - min_lr) (1 + cos(pi t)) / 2
///   step         is multiplied by decay_rate every step_size steps, but stays at least min_lr
///   exponential  is multiplied by decay_rate every step, but stays at least min_lr
///   wsd          stays, and falls to min_lr in a straight line in the last decay_share of `length`
///                (warm-up, stable, decay: Hu et al., arXiv:2404.06395)
/// or is one of MLX's own, which has `arguments` and no `length`: see mlx_schedule.
/// After `length` steps it is what it was then. As in transformers, the first step of a warm-up has
/// the rate `warmup_init`, the first one after it the learning rate, and the last step of all a
/// rate that is a step short of min_lr.
struct ScheduleOptions {
  std::string name = "constant";
  double learning_rate = 1e-5;
  int64_t length = 0;  // steps, those of the warm-up included
  double warmup = 0;   // steps, or the share of `length` if less than 1, rounded up
  double warmup_init = 0;
  std::optional<double> min_lr = {};       // all but constant: 0
  std::optional<double> decay_rate = {};   // step, exponential: must be given
  std::optional<int64_t> step_size = {};   // step: must be given
  std::optional<double> decay_share = {};  // wsd: 0.1
  std::vector<double> arguments = {};      // of MLX's own: must be given, `learning_rate` first
};

/// The schedules that there are; MLX's own come last.
std::vector<std::string> schedule_names();

/// MLX's own: exponential_decay, step_decay, cosine_decay, linear_schedule.
std::vector<std::string> mlx_schedule_names();

/// The steps of the warm-up.
int64_t warmup_steps(const ScheduleOptions& options);

/// The steps that a schedule has by itself: its `length`, or by MLX's arguments; 0 if it has as
/// many as its run. Throws UsageError as make_schedule does for MLX's.
int64_t given_length(const ScheduleOptions& options);

/// Throws UsageError, which names the option, for an unknown schedule, for an option that is
/// missing or that it does not have, and for a value out of its range: a warm-up that is longer
/// than `length`, a min_lr above the learning rate.
Schedule make_schedule(const ScheduleOptions& options);

/// The schedule of a run of so many steps, which are its `length` if none is given. Throws as
/// make_schedule does.
Schedule schedule_of_run(ScheduleOptions options, int64_t steps);

/// mlx-lm's `lr_schedule`: a schedule of MLX by its name and arguments (`rate` is arguments[0]),
///   exponential_decay  rate, decay_rate              rate decay_rate^s
///   step_decay         rate, decay_rate, step_size   rate decay_rate^(s div step_size)
///   cosine_decay       rate, decay_steps, end = 0    down to the end, where it stays
///   linear_schedule    rate, end, steps              to the end, where it stays
/// after a `warmup` of so many steps, in a straight line from `warmup_init` to the rate. MLX joins
/// the two at step warmup + 1: the rate is used twice. Counts may have a fraction. In f32, as MLX.
/// Throws UsageError for an unknown name, and for arguments of another number or out of range.
Schedule mlx_schedule(const std::string& name, const std::vector<double>& arguments,
                      double warmup = 0, double warmup_init = 0);

/// The steps, those of the warm-up included, after which a schedule of MLX stays where it is; none
/// if it goes on.
std::optional<int64_t> mlx_schedule_length(const std::string& name,
                                           const std::vector<double>& arguments, double warmup = 0);

/// What there is to say of a run of so many steps that ends before its schedule, which has
/// `length`, does: where the learning rate will be. Nothing if there is nothing to say.
std::optional<std::string> cut_short(const Schedule& schedule, int64_t length,
                                     int64_t steps_of_run);

}  // namespace graft::training
