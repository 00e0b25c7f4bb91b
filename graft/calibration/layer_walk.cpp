#include "graft/calibration/layer_walk.h"

#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/calibration/second_moments.h"
#include "graft/io/finite.h"
#include "graft/training/evaluation.h"

namespace graft::calibration {
namespace {

void evaluate(const models::Hidden& hidden) {
  std::vector<mx::array> arrays = {hidden.stream};
  if (hidden.delta) arrays.push_back(*hidden.delta);
  mx::eval(arrays);
}

// Where a linear layer keeps what it reads. None of a layer's is an embedding.
std::vector<mx::array>*& read_of(const models::AnyLinear& any) {
  if (auto* const* experts = std::get_if<nn::ExpertLinear*>(&any)) return (*experts)->read;
  return std::get<nn::Linear*>(any)->read;
}

// While it lives, linear layers keep what they read.
class Listening {
 public:
  explicit Listening(const std::vector<models::AnyLinear>& linears)
      : linears_(linears), read_(linears.size()) {
    for (size_t i = 0; i < linears.size(); ++i) read_of(linears[i]) = &read_[i];
  }
  ~Listening() {
    for (const models::AnyLinear& any : linears_) read_of(any) = nullptr;
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  // What each has read since it was last asked.
  std::vector<mx::array> take() {
    std::vector<mx::array> all;
    for (std::vector<mx::array>& read : read_) {
      if (read.size() != 1) fail("internal: a linear layer was run {} times", read.size());
      all.push_back(std::move(read.front()));
      read.clear();
    }
    return all;
  }

 private:
  const std::vector<models::AnyLinear>& linears_;
  std::vector<std::vector<mx::array>> read_;
};

struct Text {
  models::Context context;
  models::Hidden hidden;
};

std::vector<Text> embedded(const models::Model& model, const std::vector<data::Batch>& batches) {
  std::vector<Text> texts;
  for (const data::Batch& batch : batches) {
    const auto tokens = static_cast<int>(batch.tokens());
    const mx::array ids(batch.inputs.begin(), {tokens}, mx::int32);
    texts.push_back({model.context(batch.sequences()), model.embed(ids, {})});
    evaluate(texts.back().hidden);
  }
  return texts;
}

// Of each linear layer; those that read the same have one array.
std::vector<mx::array> moments_of(const models::Model& model, int layer,
                                  const std::vector<Text>& texts,
                                  const std::vector<models::AnyLinear>& linears) {
  Listening listening(linears);
  std::vector<std::shared_ptr<SecondMoments>> all(linears.size());
  for (const Text& text : texts) {
    evaluate(model.layer(layer, text.hidden, text.context));
    const std::vector<mx::array> read = listening.take();
    for (size_t i = 0; i < read.size(); ++i) {
      size_t first = 0;
      while (read[first].id() != read[i].id()) ++first;
      if (!all[i]) {
        all[i] = first < i ? all[first] : std::make_shared<SecondMoments>(read[i].shape(1));
      }
      if (first == i) all[i]->add(read[i]);
    }
  }
  std::vector<mx::array> moments;
  for (size_t i = 0; i < all.size(); ++i) {
    const auto same = std::find(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(i), all[i]);
    const auto first = static_cast<size_t>(same - all.begin());
    moments.push_back(first < i ? moments[first] : all[i]->mean());
  }
  return moments;
}

// Of what the head reads.
mx::array moments_of_states(const models::Model& model, const std::vector<Text>& texts) {
  std::optional<SecondMoments> all;
  for (const Text& text : texts) {
    const mx::array states = model.norm(text.hidden);
    if (!all) all.emplace(states.shape(1));
    all->add(states);
  }
  return all->mean();
}

}  // namespace

void visit_layers(const models::Model& model, const std::vector<data::Batch>& batches,
                  const std::vector<models::LinearPart>& linears,
                  const std::function<void(size_t index, const mx::array& moments)>& visit,
                  const std::function<void()>& each_layer) {
  std::vector<Text> texts = embedded(model, batches);
  size_t left = linears.size();
  const auto show = [&](size_t i, const mx::array& moments) {
    if (!io::all_finite(moments)) {
      throw training::NotFinite(fmt::format(
          "the moments of what {} reads hold numbers that are NaN or infinite", linears[i].path()));
    }
    visit(i, moments);
    --left;
  };
  for (int layer = 0; layer < model.num_layers() && left > 0; ++layer) {
    if (each_layer) each_layer();
    std::vector<size_t> own;
    std::vector<models::AnyLinear> of_layer;
    for (size_t i = 0; i < linears.size(); ++i) {
      if (linears[i].layer != layer) continue;
      own.push_back(i);
      of_layer.push_back(linears[i].linear);
    }
    if (!own.empty()) {
      const std::vector<mx::array> moments = moments_of(model, layer, texts, of_layer);
      for (size_t i = 0; i < own.size(); ++i) show(own[i], moments[i]);
    }
    for (Text& text : texts) {
      text.hidden = model.layer(layer, text.hidden, text.context);
      evaluate(text.hidden);
    }
  }
  if (left == 0) return;
  const mx::array moments = moments_of_states(model, texts);
  for (size_t i = 0; i < linears.size(); ++i) {
    if (linears[i].layer < 0) show(i, moments);
  }
}

}  // namespace graft::calibration
