#include "graft/engine/fit.h"

#include <algorithm>
#include <set>

#include "graft/lora/adapters.h"
#include "graft/lora/layer_key.h"
#include "graft/lora/trained_weights.h"
#include "graft/models/registry.h"
#include "graft/plan/run_batches.h"

namespace graft::engine {
namespace {

constexpr int kLeastLength = 128;  // of texts that a training can make sense of
constexpr int kBits = 4, kGroupSize = 64;

// A training as it could be.
struct Variation {
  bool quantized = false;
  int layers;
  int batch_size;
  int64_t length;  // of the longest example
  bool grad_checkpoint;
};

// Of the adapters that the model has: what a file of another program names, a tied head say, may be
// no part of the model as it is loaded.
std::vector<std::string> keys_of(models::Model& model) {
  std::set<std::string> keys;
  for (const models::LinearPart& linear : models::adaptable_of(model.parts())) {
    if (linear.adapter()) keys.insert(lora::key_of(linear.path()));
  }
  return {keys.begin(), keys.end()};
}

// Whether the head is a matrix of its own.
bool has_own_head(const models::Model& model) { return model.untied_embedding() != nullptr; }

// Those that name anything of the model.
std::vector<std::string> extra_in(models::Model& model, std::vector<std::string> extra) {
  const std::vector<lora::TrainableTensor> all = lora::trainable_tensors(model);
  std::erase_if(extra, [&](const std::string& key) { return !lora::names_any(key, all); });
  return extra;
}

size_t bytes_of(const Planned& planned, const Variation& v) {
  const io::ModelFolder& folder = planned.loaded.folder;
  json config = folder.config();
  if (v.quantized) config["quantization"] = {{"group_size", kGroupSize}, {"bits", kBits}};
  const auto model = models::load_model(
      v.quantized ? io::ModelFolder::of_config(folder.path(), std::move(config)) : folder);
  // An adapter that is resumed may have untied it.
  if (has_own_head(*planned.loaded.model) && !has_own_head(*model)) model->untie_head();
  lora::LoraSettings settings = planned.settings;
  settings.num_layers = v.layers;
  settings.keys = keys_of(*planned.loaded.model);
  settings.extra = extra_in(*model, settings.extra);
  const lora::Adapters adapters = lora::attach(*model, settings, lora::Fresh::unread);
  training::TrainOptions options = planned.options;
  options.batch_size = v.batch_size;
  options.grad_checkpoint = v.grad_checkpoint;
  const plan::RunBatches batches =
      plan::batches_of_run(planned.train, planned.valid, options, v.length, planned.ranks);
  return plan::training_memory({*model, adapters.parameters(), options}, batches,
                               planned.memory.program)
      .total();
}

bool is_quantized(const LoadedModel& loaded) {
  const auto linears = models::linears_of(loaded.model->parts());
  return !linears.empty() && linears.front().weight().quantized();
}

// Tries sizes, each half of the one before, down to `least`; `set` puts one into a variation.
template <class Set>
std::optional<std::pair<int64_t, size_t>> first_that_fits(const Planned& planned,
                                                          const Variation& now, int64_t size,
                                                          int64_t least, size_t bytes, Set set) {
  std::optional<std::pair<int64_t, size_t>> tried;
  while (size > least) {
    size = std::max(least, size / 2);
    Variation smaller = now;
    set(smaller, size);
    tried = {size, bytes_of(planned, smaller)};
    if (tried->second <= bytes) break;
  }
  return tried;
}

}  // namespace

std::vector<Remedy> remedies(const Planned& planned, size_t bytes) {
  const int all_layers = planned.loaded.model->num_layers();
  const int layers = planned.settings.num_layers < 0 ? all_layers : planned.settings.num_layers;
  const int64_t longest =
      std::max(planned.train.examples.totals().longest, planned.valid.examples.totals().longest);
  const Variation now{.layers = planned.settings.num_layers,
                      .batch_size = planned.options.batch_size,
                      .length = longest,
                      .grad_checkpoint = planned.options.grad_checkpoint};
  Variation together = now;
  std::vector<Remedy> all;
  const auto add = [&](std::string what, size_t then) {
    // Of a model of few layers, say, recomputing them frees nothing.
    if (then < planned.memory.total()) all.push_back({std::move(what), then, then <= bytes});
  };
  if (!now.grad_checkpoint) {
    Variation recomputing = now;
    recomputing.grad_checkpoint = together.grad_checkpoint = true;
    add("`grad_checkpoint`", bytes_of(planned, recomputing));
  }
  if (const auto found = first_that_fits(
          planned, now, now.batch_size, 1, bytes,
          [](Variation& v, int64_t size) { v.batch_size = static_cast<int>(size); })) {
    together.batch_size = static_cast<int>(found->first);
    add(fmt::format("`batch_size` {}", found->first), found->second);
  }
  if (const auto found = first_that_fits(planned, now, longest, kLeastLength, bytes,
                                         [](Variation& v, int64_t size) { v.length = size; })) {
    together.length = found->first;
    add(fmt::format("`max_seq_length` {}", found->first), found->second);
  }
  // A file that says which layers are adapted is not ours to change.
  const auto found =
      planned.settings.layers
          ? std::nullopt
          : first_that_fits(planned, now, layers, 1, bytes,
                            [](Variation& v, int64_t size) { v.layers = static_cast<int>(size); });
  if (found) {
    together.layers = static_cast<int>(found->first);
    add(fmt::format("`num_layers` {}", found->first), found->second);
  }
  // Weights that are trained as they are cannot be.
  const bool trains_weights =
      planned.settings.type == lora::FineTuneType::full || !planned.settings.extra.empty();
  if (!is_quantized(planned.loaded) && !trains_weights) {
    Variation quantized = now;
    quantized.quantized = together.quantized = true;
    add("weights of 4 bits (graft convert `quantize`)", bytes_of(planned, quantized));
  }
  const bool any = std::any_of(all.begin(), all.end(), [](const Remedy& r) { return r.fits; });
  if (!any && all.size() > 1) add("all of these together", bytes_of(planned, together));
  return all;
}

}  // namespace graft::engine
