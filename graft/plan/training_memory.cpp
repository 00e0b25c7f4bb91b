#include "graft/plan/training_memory.h"

#include <algorithm>
#include <set>
#include <string>
#include <variant>

#include "graft/plan/planned_graph.h"
#include "graft/plan/planned_trunk.h"
#include "graft/training/in_place_step.h"

namespace graft::plan {
namespace {

// What Linux maps at once around a page of a file that is read (fault_around_bytes).
constexpr size_t kReadAround = 65536;

// What glibc's heap takes beyond the blocks in it, in percent: measured (docs/plan.md).
constexpr size_t kHeapGaps = 4;

// The bytes of a matrix of which these rows alone are read.
size_t bytes_of_rows(const mx::array& matrix, const std::vector<int32_t>& rows) {
  const size_t row = matrix.nbytes() / static_cast<size_t>(std::max(1, matrix.shape(0)));
  std::set<size_t> windows;
  for (const int32_t id : rows) {
    const size_t begin = static_cast<size_t>(id) * row;
    for (size_t w = begin / kReadAround; w <= (begin + row - 1) / kReadAround; ++w) {
      windows.insert(w);
    }
  }
  return std::min(matrix.nbytes(), windows.size() * kReadAround);
}

// All of a model's weights are read but rows of the embedding that no text has, unless the head
// reads these, too.
size_t weight_bytes(const models::Model& model, const models::ParameterSet& parameters,
                    const std::vector<int32_t>& ids) {
  size_t bytes = model.bytes();
  bool trains_embedding = false;
  // Weights that are trained are among the parameters, and let go as the file has them: dense, in
  // the type of the activations.
  for (const models::Parameter& parameter : parameters.all()) {
    if (!parameter.name.ends_with(".weight") && !parameter.name.ends_with(".bias")) continue;
    bytes -= std::min(bytes, parameter.place->size() * size_of(model.dtype()));
    trains_embedding = trains_embedding || parameter.layer < 0;
  }
  const ops::Weight* embedding = model.untied_embedding();
  if (embedding == nullptr || trains_embedding) return bytes;
  for (const mx::array& part : embedding->arrays()) {
    bytes -= std::min(bytes, part.nbytes() - bytes_of_rows(part, ids));
  }
  return bytes;
}

// The first of those with the most tokens.
data::Batch largest_of(const data::EvaluationBatches& batches) {
  size_t largest = 0;
  int64_t most = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    const int64_t tokens = batches.tokens(i);
    if (tokens > most) largest = i;
    most = std::max(most, tokens);
  }
  return batches[largest];
}

}  // namespace

GraphMemory step_memory(const Subject& subject, const data::Batch& batch) {
  if (training::goes_in_place(subject.parameters)) {
    const PlannedStages planned = in_place_stages(subject, batch);
    return memory_of_stages(planned.stages, planned.kept);
  }
  const PlannedGraph graph = step_graph(subject, batch);
  return memory_of(graph.outputs, graph.kept);
}

GraphMemory validation_memory(const Subject& subject, const data::Batch& batch) {
  return memory_of(validation_graph(subject, batch).outputs);
}

Memory training_memory(const Subject& all, const RunBatches& batches, size_t program,
                       const KeptLayers& kept) {
  const PlannedTrunk trunk(all.model, kept.layers);
  training::TrainOptions options = all.options;
  if (kept.layers > 0 && kept.bytes > 0) options.trunk = &trunk;
  const Subject subject{all.model, all.parameters, options};
  GraphMemory most = step_memory(subject, batches.largest);
  size_t parameter_bytes = 0;
  for (const auto& parameter : subject.parameters.all())
    parameter_bytes += parameter.place->nbytes();
  // The sums of the batches before, while the next one is computed, or those of all processes.
  if (options.batches_a_step > 1 || batches.ranks > 1) most.gradients += parameter_bytes;
  if (!batches.validation.empty()) {
    const GraphMemory other = validation_memory(subject, largest_of(batches.validation));
    if (other.total() > most.total()) most = other;
  }
  Memory memory;
  memory.program = program;
  memory.weights = weight_bytes(subject.model, subject.parameters, batches.ids);
  memory.weights -= std::min(memory.weights, kept.bytes);
  // The state that is trained, the last good one, and the new one. Before that is there, its place
  // is that of the one that went: gaps too small for activations.
  const bool in_place = training::goes_in_place(subject.parameters);
  const auto states = static_cast<size_t>(std::clamp(options.iters + 1, 2, 3));
  memory.optimizer = (in_place ? 1 : states) * state_bytes(subject);
  memory.activations = most.activations;
  memory.gradients = most.gradients;
  memory.logits = most.logits;
  memory.scratch = most.scratch;
  memory.heap = (most.activations + most.gradients) / 100 * kHeapGaps;
  return memory;
}

}  // namespace graft::plan
