#include "graft/training/snapshot.h"

#include "graft/base/error.h"
#include "graft/io/tensor_info.h"

namespace graft::training {
namespace {

constexpr const char *kOrder = "sampler.order", *kEnds = "sampler.ends";

mx::array to_array(const std::vector<size_t>& places) {
  const std::vector<int64_t> numbers(places.begin(), places.end());
  return mx::array(numbers.begin(), {static_cast<int>(numbers.size())}, mx::int64);
}

std::vector<size_t> to_places(mx::array numbers) {
  if (numbers.dtype() != mx::int64) fail("the order of the examples is not there");
  numbers.eval();
  return {numbers.data<int64_t>(), numbers.data<int64_t>() + numbers.size()};
}

json to_json(const std::optional<Progress::Validation>& validation) {
  if (!validation) return nullptr;
  return {{"iteration", validation->iteration}, {"loss", validation->loss}};
}

std::optional<Progress::Validation> validation_of(const json& value) {
  if (value.is_null()) return {};
  return Progress::Validation{value.at("iteration").get<int>(), value.at("loss").get<double>()};
}

std::string array_name(const std::string& moment, const std::string& parameter) {
  return moment + "." + parameter;
}

}  // namespace

SnapshotParts parts_of(const Snapshot& snapshot, const models::ParameterSet& parameters) {
  SnapshotParts parts;
  for (size_t i = 0; i < parameters.all().size(); ++i) {
    for (const auto& [name, array] : snapshot.state.moments[i]) {
      parts.arrays.emplace(array_name(name, parameters.all()[i].name), array);
    }
  }
  parts.arrays.emplace(kOrder, to_array(snapshot.sampler.order));
  if (!snapshot.sampler.ends.empty()) {
    parts.arrays.emplace(kEnds, to_array(snapshot.sampler.ends));
  }
  const Progress& progress = snapshot.progress;
  parts.numbers = {
      {"step", snapshot.state.step},
      {"sampler",
       {{"generator", snapshot.sampler.generator}, {"position", snapshot.sampler.position}}},
      {"progress",
       {{"iteration", progress.iteration},
        {"train_loss", progress.train_loss ? json(*progress.train_loss) : json()},
        {"valid", to_json(progress.valid)},
        {"best", to_json(progress.best)},
        {"validations_since_best", progress.validations_since_best},
        {"validated_after", progress.validated_after}}},
      {"figures", snapshot.figures.to_json()}};
  return parts;
}

Snapshot snapshot_of(const SnapshotParts& parts, const models::ParameterSet& parameters,
                     const TrainState& start) {
  Snapshot snapshot;
  const json& numbers = parts.numbers;
  snapshot.state.step = numbers.at("step").get<int64_t>();
  snapshot.state.parameters = parameters.values();
  size_t used = 1;  // the order
  for (size_t i = 0; i < parameters.all().size(); ++i) {
    Moments moments;
    for (const auto& [name, expected] : start.moments[i]) {
      const std::string full = array_name(name, parameters.all()[i].name);
      const auto found = parts.arrays.find(full);
      if (found == parts.arrays.end() || found->second.shape() != expected.shape() ||
          found->second.dtype() != expected.dtype()) {
        fail("the optimizer's {} {} is not there: the checkpoint is another training's", full,
             io::shape_text(expected.shape()));
      }
      moments.emplace(name, found->second);
      ++used;
    }
    snapshot.state.moments.push_back(std::move(moments));
  }
  const auto order = parts.arrays.find(kOrder), ends = parts.arrays.find(kEnds);
  if (order == parts.arrays.end()) fail("the order of the examples is not there");
  if (ends != parts.arrays.end()) ++used;
  if (used != parts.arrays.size()) {
    fail("there are arrays of another optimizer: the checkpoint is another training's");
  }
  snapshot.sampler.order = to_places(order->second);
  if (ends != parts.arrays.end()) snapshot.sampler.ends = to_places(ends->second);
  numbers.at("sampler").at("generator").get_to(snapshot.sampler.generator);
  numbers.at("sampler").at("position").get_to(snapshot.sampler.position);
  const json& progress = numbers.at("progress");
  progress.at("iteration").get_to(snapshot.progress.iteration);
  if (!progress.at("train_loss").is_null()) {
    snapshot.progress.train_loss = progress.at("train_loss").get<double>();
  }
  snapshot.progress.valid = validation_of(progress.at("valid"));
  snapshot.progress.best = validation_of(progress.at("best"));
  progress.at("validations_since_best").get_to(snapshot.progress.validations_since_best);
  progress.at("validated_after").get_to(snapshot.progress.validated_after);
  snapshot.figures = Figures::from_json(numbers.at("figures"));
  return snapshot;
}

}  // namespace graft::training
