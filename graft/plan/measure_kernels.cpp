#include <mlx/transforms.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

#include "graft/base/profile.h"
#include "graft/io/model_folder.h"
#include "graft/io/tensor_info.h"
#include "graft/lora/adapters.h"
#include "graft/models/parts.h"
#include "graft/models/registry.h"
#include "graft/plan/graph_work.h"
#include "graft/plan/machine_speed.h"
#include "graft/plan/planned_graph.h"

namespace graft::plan {
namespace {

using Seconds = std::chrono::duration<double>;
using SpeedClock = std::chrono::steady_clock;

constexpr double kMostSeconds = 1.6;  // after which no step is begun
constexpr int kRepeats = 3;           // of each step, the fastest of which counts

// Matrices that are larger than caches, and yet a step takes a tenth of a second.
json small_config(const models::Model& model) {
  json config = {{"model_type", "llama"},       {"hidden_size", 1024},
                 {"intermediate_size", 2816},   {"num_hidden_layers", 1},
                 {"num_attention_heads", 16},   {"num_key_value_heads", 8},
                 {"rms_norm_eps", 1e-5},        {"vocab_size", 4096},
                 {"tie_word_embeddings", true}, {"torch_dtype", io::dtype_name(model.dtype())}};
  auto parts = const_cast<models::Model&>(model).parts();
  const std::vector<models::LinearPart> linears = models::linears_of(parts);
  if (!linears.empty() && linears.front().weight().quantized()) {
    const ops::Weight& w = linears.front().weight();
    config["quantization"] = {
        {"group_size", w.group_size}, {"bits", w.bits}, {"mode", name_of(w.mode)}};
  }
  return config;
}

struct SmallStep {
  int rows, rank;
};
constexpr SmallStep kFew{48, 8}, kMany{384, 8}, kHighRank{384, 40};

// What each kernel of a step did, and how long it took.
struct Measured {
  KernelWork work;
  std::map<std::string, double> seconds;
  double step_seconds = INFINITY;
};

data::Batch batch_of(int rows) {
  data::Dataset set;
  std::vector<int32_t> ids(static_cast<size_t>(rows) + 1);
  for (size_t i = 0; i < ids.size(); ++i) ids[i] = static_cast<int32_t>(i * 7 % 4096);
  set.examples.push_back({ids, {}, 1});
  return data::make_batch(set, {0});
}

Measured run_step(const models::Model& model, const lora::Adapters& adapters, int rows) {
  const training::TrainOptions options;
  const Subject subject{model, adapters.parameters(), options};
  PlannedGraph graph = step_graph(subject, batch_of(rows));
  Measured measured{.work = work_of(graph.outputs), .seconds = {}};
  const ProfilingSwitch on(true);
  take_profile();
  const SpeedClock::time_point start = SpeedClock::now();
  mx::eval(std::move(graph.outputs));
  measured.step_seconds = Seconds(SpeedClock::now() - start).count();
  for (const Phase& phase : take_profile()) measured.seconds[phase.name] = phase.seconds;
  return measured;
}

double seconds_of(const Measured& measured, const std::string& name) {
  const auto found = measured.seconds.find(name);
  return found == measured.seconds.end() ? 0 : found->second;
}

double ratio(double seconds, double work) { return work > 0 ? std::max(0.0, seconds / work) : 0; }

// t = product * p + adapter * a + unpacked * u: a from the ranks, p from the rows, u from what is
// left of the few rows.
KernelSpeed speed_of(const std::string& name, const Measured& few, const Measured& many,
                     const Measured& high_rank) {
  const NodeWork &w_few = few.work.at(name), &w_many = many.work.at(name),
                 &w_high = high_rank.work.at(name);
  const double t_few = seconds_of(few, name), t_many = seconds_of(many, name);
  KernelSpeed speed;
  if (w_many.work.products == 0 && w_many.work.adapters == 0) {
    speed.byte = ratio(t_many, w_many.bytes);
    return speed;
  }
  speed.adapter =
      ratio(seconds_of(high_rank, name) - t_many, w_high.work.adapters - w_many.work.adapters);
  const auto without_adapter = [&](double seconds, const NodeWork& w) {
    return std::max(0.2 * seconds, seconds - speed.adapter * w.work.adapters);
  };
  const double rest_few = without_adapter(t_few, w_few),
               rest_many = without_adapter(t_many, w_many);
  if (w_many.work.unpacked == 0) {
    speed.product = ratio(rest_many, w_many.work.products);
    return speed;
  }
  // At least half of the many rows' time is their own.
  speed.product = std::max(ratio(rest_many - rest_few, w_many.work.products - w_few.work.products),
                           ratio(rest_many / 2, w_many.work.products));
  speed.unpacked = ratio(rest_many - speed.product * w_many.work.products, w_many.work.unpacked);
  return speed;
}

}  // namespace

KernelSpeeds measure_kernels(const models::Model& model) {
  const auto folder = io::ModelFolder::of_config("a small model", small_config(model));
  const SpeedClock::time_point start = SpeedClock::now();
  Measured fastest[3];
  const SmallStep steps[] = {kFew, kMany, kHighRank};
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    for (size_t i = 0; i < 3; ++i) {
      const bool known = std::isfinite(fastest[i].step_seconds);
      if (known && Seconds(SpeedClock::now() - start).count() > kMostSeconds) continue;
      const auto small = models::load_model(folder, model.dtype());
      lora::LoraSettings settings{.rank = steps[i].rank, .num_layers = -1, .keys = {"all"}};
      const lora::Adapters adapters = lora::attach(*small, settings, lora::Fresh::unread);
      Measured now = run_step(*small, adapters, steps[i].rows);
      if (!known) {
        fastest[i] = std::move(now);
        continue;
      }
      fastest[i].step_seconds = std::min(fastest[i].step_seconds, now.step_seconds);
      for (auto& [name, seconds] : fastest[i].seconds) {
        seconds = std::min(seconds, seconds_of(now, name));
      }
    }
  }
  KernelSpeeds speeds;
  double ours = 0;
  const Measured& many = fastest[1];
  for (const auto& [name, seconds] : many.seconds) {
    ours += seconds;
    speeds[name] = speed_of(name, fastest[0], many, fastest[2]);
  }
  speeds[kOthers] = {.byte = ratio(many.step_seconds - ours, many.work.at(kOthers).bytes)};
  return speeds;
}

}  // namespace graft::plan
