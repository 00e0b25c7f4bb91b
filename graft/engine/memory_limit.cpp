#include "graft/engine/memory_limit.h"

#include <algorithm>
#include <memory>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/base/memory.h"
#include "graft/base/temporary.h"
#include "graft/models/trunk.h"
#include "graft/ops/backend.h"
#include "graft/plan/graph_memory.h"
#include "graft/plan/plan.h"
#include "graft/trunk/frozen_trunk.h"

namespace graft::engine {
namespace {

namespace mx = mlx::core;

// Of a text of so many tokens in one layer, as the graph says it.
size_t activations_of(const models::Model& model, int64_t tokens) {
  const models::Context context = model.context({{0, tokens, 0, tokens}});
  const mx::array ids = mx::zeros({static_cast<int>(tokens)}, mx::int32);
  return plan::memory_of({models::computed_stream(model, 1, ids, context)}).total();
}

// Whose rows are read before the first group.
size_t embedding_bytes(models::Model& model) {
  for (const models::LinearPart& part : models::adaptable_of(model.parts())) {
    if (part.is_embedding()) return part.weight().nbytes();
  }
  return 0;
}

}  // namespace

void StreamedWeights::used(int layer, int next) const {
  pages_.release(layer, layer + 1);
  if (next >= 0 && next < pages_.layers()) pages_.prefetch(next, next + 1);
}

size_t StreamedWeights::bytes_from(int first) const {
  size_t bytes = 0;
  for (int layer = first; layer < pages_.layers(); ++layer) bytes += pages_.bytes(layer);
  return bytes;
}

size_t StreamedWeights::not_in_memory(int kept, bool streamed) const {
  const size_t above = bytes_from(kept);
  if (!streamed) return bytes_from(0) - above;
  size_t largest = 0;
  for (int layer = kept; layer < pages_.layers(); ++layer) {
    largest = std::max(largest, pages_.bytes(layer));
  }
  constexpr size_t kInMemory = 3;  // the one that is computed, and those that are read
  return bytes_from(0) - std::min(above, kInMemory * largest);
}

void fill_within(LoadedModel& loaded, const trunk::RowForm& form,
                 const trunk::TrunkIdentity& identity, const fs::path& folder,
                 const std::vector<std::span<const int32_t>>& examples, size_t limit,
                 FrontEnd& front_end) {
  release_mapped_files();
  const trunk::LayerPages pages(*loaded.model, loaded.folder);
  trunk::FillOptions options;
  int64_t longest = options.batch_tokens;
  for (const auto ids : examples) longest = std::max(longest, static_cast<int64_t>(ids.size()));
  size_t largest = 0;
  for (int layer = 0; layer < identity.layers; ++layer) {
    largest = std::max(largest, pages.bytes(layer));
  }
  const size_t beside = memory_in_use(".safetensors") + activations_of(*loaded.model, longest) +
                        embedding_bytes(*loaded.model);
  if (beside + largest > limit) {
    fail_usage("`memory` {} is too little: one layer needs {} beside {} that it works with",
               plan::gigabytes(limit), plan::gigabytes(largest), plan::gigabytes(beside));
  }
  // Half of it for the group that is computed, half for the next one, which is read meanwhile.
  const size_t room = (limit - beside) / 2;
  options.group = static_cast<int>(std::max<size_t>(1, room / std::max<size_t>(1, largest)));
  trunk::fill(*loaded.model, pages, form, identity, folder, examples, options, front_end);
}

training::Evaluation evaluate_within(LoadedModel& loaded, const data::EvaluationBatches& batches,
                                     const fs::path& folder, size_t limit, FrontEnd& front_end,
                                     const std::function<bool(size_t)>& done) {
  const models::Model& model = *loaded.model;
  if (!ops::use_cpu_kernels()) {
    fail_usage("`memory` is of graft's kernels: MLX's operations read weights as they like");
  }
  if (!trunk::rows_are_independent(*loaded.model, model.num_layers())) {
    fail_usage("`memory`: in a mixture of experts a token's numbers depend on its batch");
  }
  std::vector<data::Batch> all;
  std::vector<std::span<const int32_t>> examples;
  for (size_t i = 0; i < batches.size(); ++i) all.push_back(batches[i]);
  for (const data::Batch& batch : all) {
    for (size_t i = 0; i + 1 < batch.offsets.size(); ++i) {
      const auto begin = static_cast<size_t>(batch.offsets[i]);
      examples.push_back(std::span(batch.inputs)
                             .subspan(begin, static_cast<size_t>(batch.offsets[i + 1]) - begin));
    }
  }
  trunk::make_trunk_folder(folder);
  const Temporary own(folder / "test", Temporary::Kind::folder);
  const trunk::RowForm form = trunk::form_of(model, 0);
  const trunk::TrunkIdentity identity{.model = "",
                                      .contents = "",
                                      .layers = model.num_layers(),
                                      .width = form.width(),
                                      .dtype = "",
                                      .instructions = ""};
  fill_within(loaded, form, identity, own.path(), examples, limit, front_end);
  trunk::RowStore store(
      0, std::make_unique<trunk::RowFile>(own.path() / identity.file_name(), identity.text()), 0,
      front_end);
  const trunk::FrozenTrunk trunk(model, model.num_layers(), form, store);
  return training::evaluate(models::LayerRunner(model, &trunk), batches, done);
}

}  // namespace graft::engine
