#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "graft/base/error.h"
#include "graft/base/nearest.h"
#include "graft/training/schedule.h"

namespace graft::training {
namespace {

using Arguments = std::vector<double>;

// The rate by the number of steps, which has a fraction after a warm-up that has one.
using Rate = std::function<float(double step)>;

// Each operation rounds to f32 where MLX's arrays do; what MLX computes with Python's numbers is in
// double.
Rate linear_schedule(const Arguments& a) {
  const auto first = static_cast<float>(a[0]), slope = static_cast<float>((a[1] - a[0]) / a[2]);
  return [first, slope, steps = a[2]](double step) {
    const auto at = static_cast<float>(std::min(step, steps));
    return at * slope + first;
  };
}

Rate exponential_decay(const Arguments& a) {
  return [rate = static_cast<float>(a[0]), decay = static_cast<float>(a[1])](double step) {
    return rate * std::pow(decay, static_cast<float>(step));
  };
}

Rate step_decay(const Arguments& a) {
  return [rate = static_cast<float>(a[0]), decay = static_cast<float>(a[1]),
          size = a[2]](double step) {
    return rate * std::pow(decay, static_cast<float>(std::floor(step / size)));
  };
}

Rate cosine_decay(const Arguments& a) {
  const double end = a.size() > 2 ? a[2] : 0;
  return [end = static_cast<float>(end), height = static_cast<float>(a[0] - end),
          angle = static_cast<float>(std::numbers::pi / a[1]), steps = a[1]](double step) {
    const auto at = static_cast<float>(std::min(step, steps));
    return end + 0.5f * (1.0f + std::cos(angle * at)) * height;
  };
}

struct MlxKind {
  std::string name;
  Rate (*make)(const Arguments& arguments);
  std::vector<std::string> arguments;
  size_t least;  // so many must be given
  size_t count;  // the argument that counts steps, or past the end
  bool ends;     // after so many
};

const std::vector<MlxKind>& mlx_kinds() {
  static const std::vector<MlxKind> all = {
      {"exponential_decay", exponential_decay, {"rate", "decay_rate"}, 2, 2, false},
      {"step_decay", step_decay, {"rate", "decay_rate", "step_size"}, 3, 2, false},
      {"cosine_decay", cosine_decay, {"rate", "decay_steps", "end"}, 2, 1, true},
      {"linear_schedule", linear_schedule, {"rate", "end", "steps"}, 3, 2, true}};
  return all;
}

const MlxKind& kind_of(const std::string& name) {
  for (const MlxKind& kind : mlx_kinds()) {
    if (kind.name == name) return kind;
  }
  fail_usage("there is no schedule '{}': {}", name, choices_for(name, mlx_schedule_names()));
}

void check(const MlxKind& kind, const Arguments& a, double warmup, double warmup_init) {
  if (a.size() < kind.least || a.size() > kind.arguments.size()) {
    fail_usage("`schedule_arguments` of {} are {}: {} are given", kind.name,
               fmt::join(kind.arguments, ", "), a.size());
  }
  for (size_t i = 0; i < a.size(); ++i) {
    const double least = i == kind.count ? 1 : 0;
    if (!std::isfinite(a[i]) || a[i] < least) {
      fail_usage("`schedule_arguments` of {}: {} is {}, which is not at least {}", kind.name,
                 kind.arguments[i], a[i], least);
    }
  }
  for (const auto& [name, value] : {std::pair{"warmup", warmup}, {"warmup_init", warmup_init}}) {
    if (!std::isfinite(value) || value < 0) {
      fail_usage("`{}` is {}: it is at least 0", name, value);
    }
  }
}

}  // namespace

std::vector<std::string> mlx_schedule_names() {
  std::vector<std::string> names;
  for (const MlxKind& kind : mlx_kinds()) names.push_back(kind.name);
  return names;
}

Schedule mlx_schedule(const std::string& name, const std::vector<double>& arguments, double warmup,
                      double warmup_init) {
  const MlxKind& kind = kind_of(name);
  check(kind, arguments, warmup, warmup_init);
  const Rate rate = kind.make(arguments);
  if (warmup == 0) return [rate](int64_t step) { return rate(static_cast<double>(step)); };
  return [rise = linear_schedule({warmup_init, arguments[0], warmup}), join = warmup + 1,
          rate](int64_t step) {
    const auto done = static_cast<double>(step);
    return done < join ? rise(done) : rate(done - join);
  };
}

std::optional<int64_t> mlx_schedule_length(const std::string& name,
                                           const std::vector<double>& arguments, double warmup) {
  const MlxKind& kind = kind_of(name);
  check(kind, arguments, warmup, 0);
  if (!kind.ends) return {};
  const double before = warmup == 0 ? 0 : warmup + 1;
  return static_cast<int64_t>(std::ceil(before + arguments[kind.count]));
}

}  // namespace graft::training
