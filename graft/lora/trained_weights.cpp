#include "graft/lora/trained_weights.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <mlx/ops.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <memory>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/io/unread_array.h"
#include "graft/lora/layer_key.h"
#include "graft/lora/module_name.h"

namespace graft::lora {
namespace {

using Kind = TrainableTensor::Kind;

constexpr const char* kQuantized = "it is quantized";
constexpr const char* kDequantize =
    "; `graft convert` with `dequantize` makes a model whose weights can be";

// In memory of its own: training must not write into a file's mapping, nor keep it open.
mx::array own_f32(const mx::array& values) {
  if (values.dtype() != mx::float32) return mx::astype(values, mx::float32);
  return mx::multiply(values, mx::array(1.0f));  // a sum would make 0 of -0
}

// Adds the tensors of the parts of a model.
class Collector {
 public:
  Collector(int layers, TiedHead head) : layers_(layers), head_(head) {}

  void add(const models::Part& part) {
    layer_ = part.layer >= 0 ? part.layer : layers_;
    std::visit([this](const auto& one) { add_part(one); }, part.part);
  }

  std::vector<TrainableTensor> take() { return std::move(all_); }

 private:
  void add_part(nn::Linear* linear) {
    add_matrix(linear->path, &linear->weight, nullptr);
    if (linear->bias) add_array(linear->path + ".bias", Kind::bias, &*linear->bias);
  }

  void add_part(nn::ExpertLinear* experts) {
    TrainableTensor tensor{.name = experts->path + ".weight",
                           .layer = layer_,
                           .kind = Kind::matrix,
                           .shape = {experts->count(), experts->out(), experts->in()},
                           .put = {},
                           .values = {}};
    if (experts->weights->each.front().quantized()) tensor.refused = kQuantized;
    tensor.values = [experts] {
      const ops::ExpertWeights& now = *experts->weights;
      return own_f32(now.stack ? now.stack->weight : ops::stacked(now.each).weight);
    };
    tensor.put = [experts, name = tensor.name, layer = layer_](const mx::array& values) {
      const auto own = std::make_shared<ops::ExpertWeights>();
      // Of each the shape alone is read: a view would keep the memory of what it is of.
      const mx::array shape = io::unread_array({experts->out(), experts->in()}, mx::float32);
      own->each.assign(static_cast<size_t>(experts->count()), ops::Weight{shape, {}, {}, 0, 0});
      own->stack = ops::Weight{values, {}, {}, 0, 0};
      own->trained = true;
      experts->weights = own;
      return models::Parameter{name, layer, &own->stack->weight};
    };
    all_.push_back(std::move(tensor));
  }

  void add_part(nn::Norm* norm) {
    const std::string name = norm->path + ".weight";
    TrainableTensor tensor =
        array_of(name, Kind::norm, norm->stored ? &*norm->stored : &norm->weight);
    tensor.put = [norm, name, layer = layer_](const mx::array& values) {
      norm->trained = true;
      // A kernel takes weight and bias of one type.
      if (norm->bias) norm->bias = mx::astype(*norm->bias, mx::float32);
      mx::array& place = norm->stored ? *norm->stored : norm->weight;
      place = values;
      return models::Parameter{name, layer, &place};
    };
    all_.push_back(std::move(tensor));
    if (!norm->bias) return;
    const std::string bias = norm->path + ".bias";
    tensor = array_of(bias, Kind::bias, &*norm->bias);
    tensor.kind = Kind::norm;
    tensor.put = [norm, bias, layer = layer_](const mx::array& values) {
      norm->weight = mx::astype(norm->weight, mx::float32);
      norm->bias = values;
      return models::Parameter{bias, layer, &*norm->bias};
    };
    all_.push_back(std::move(tensor));
  }

  void add_part(const models::Matrix& matrix) {
    if (matrix.is_embedding()) layer_ = -1;
    const bool splits = matrix.tied != nullptr && head_ == TiedHead::own;
    add_matrix(matrix.path, matrix.weight, splits ? nullptr : matrix.tied);
    if (!splits) return;
    layer_ = layers_;
    add_matrix(matrix.tied_path, matrix.tied, nullptr);
  }

  void add_part(const models::Vector& vector) {
    TrainableTensor tensor = array_of(vector.path, Kind::bias, vector.values);
    // StableLM's norms of single heads, which are one array here.
    if (!vector.path.ends_with(".bias")) {
      tensor.kind = Kind::norm;
      tensor.refused = "norms with weights of single heads are not trained";
    }
    all_.push_back(std::move(tensor));
  }

  void add_matrix(const std::string& path, ops::Weight* weight, ops::Weight* tied) {
    TrainableTensor tensor = array_of(path + ".weight", Kind::matrix, &weight->weight);
    if (weight->quantized()) tensor.refused = kQuantized;
    tensor.put = [weight, tied, name = tensor.name, layer = layer_](const mx::array& values) {
      *weight = {values, {}, {}, 0, 0};
      if (tied != nullptr) *tied = *weight;
      return models::Parameter{name, layer, &weight->weight,
                               tied == nullptr ? nullptr : &tied->weight};
    };
    all_.push_back(std::move(tensor));
  }

  void add_array(const std::string& name, Kind kind, mx::array* place) {
    all_.push_back(array_of(name, kind, place));
  }

  TrainableTensor array_of(const std::string& name, Kind kind, mx::array* place) const {
    return {.name = name,
            .layer = layer_,
            .kind = kind,
            .shape = place->shape(),
            .put =
                [place, name, layer = layer_](const mx::array& values) {
                  *place = values;
                  return models::Parameter{name, layer, place};
                },
            .values = [place] { return own_f32(*place); }};
  }

  int layers_, layer_ = 0;
  TiedHead head_;
  std::vector<TrainableTensor> all_;
};

std::string module_of(const std::string& name) { return name.substr(0, name.rfind('.')); }

// What a person can name beside the kinds: modules, without the layers' numbers.
std::string modules_of(const std::vector<TrainableTensor>& tensors) {
  std::set<std::string> keys;
  for (const TrainableTensor& tensor : tensors) keys.insert(key_of(module_of(tensor.name)));
  return fmt::format("{}", fmt::join(keys, ", "));
}

bool is_outside(const TrainableTensor& tensor, int layers) {
  return tensor.layer < 0 || tensor.layer >= layers;
}

}  // namespace

std::vector<TrainableTensor> trainable_tensors(models::Model& model, TiedHead head) {
  Collector collector(model.num_layers(), head);
  for (const models::Part& part : model.parts()) collector.add(part);
  return collector.take();
}

std::string dequantize_hint(const TrainableTensor& tensor) {
  return tensor.refused == kQuantized ? kDequantize : "";
}

bool names_any(const std::string& key, const std::vector<TrainableTensor>& tensors) {
  return std::any_of(tensors.begin(), tensors.end(), [&](const TrainableTensor& tensor) {
    if (key == "norms") return tensor.kind == Kind::norm;
    if (key == "biases") return tensor.kind == Kind::bias;
    return key == "outside" || names_module(key, module_of(tensor.name));
  });
}

std::vector<TrainableTensor> chosen_tensors(models::Model& model, const LoraSettings& settings) {
  const std::vector<TrainableTensor> all = trainable_tensors(model);
  const int layers = model.num_layers();
  const int first = settings.num_layers < 0 ? 0 : layers - settings.num_layers;
  const bool full = settings.type == FineTuneType::full;
  const auto has = [&](const char* kind) {
    return std::find(settings.extra.begin(), settings.extra.end(), kind) != settings.extra.end();
  };
  for (const std::string& key : settings.extra) {
    if (names_any(key, all)) continue;
    fail_usage(
        "`train_extra`: {} names nothing of this model; there are: norms, biases, outside, {}", key,
        modules_of(all));
  }
  std::vector<TrainableTensor> chosen;
  for (const TrainableTensor& tensor : all) {
    const bool outside = is_outside(tensor, layers);
    bool wanted = outside ? has("outside") : full && tensor.layer >= first;
    if (!outside && tensor.layer >= first) {
      wanted = wanted || (has("norms") && tensor.kind == Kind::norm) ||
               (has("biases") && tensor.kind == Kind::bias);
    }
    for (const std::string& key : settings.extra) {
      wanted = wanted || names_module(key, module_of(tensor.name));
    }
    if (!wanted) continue;
    if (!tensor.refused.empty()) {
      fail_usage("{} cannot be trained as it is: {}{}", tensor.name, tensor.refused,
                 tensor.refused == kQuantized
                     ? dequantize_hint(tensor) + ", and `fine_tune_type` lora needs none"
                     : "");
    }
    chosen.push_back(tensor);
  }
  return chosen;
}

std::vector<models::Parameter> train(const std::vector<TrainableTensor>& tensors, Fresh fresh) {
  std::vector<models::Parameter> parameters;
  for (const TrainableTensor& tensor : tensors) {
    mx::array values =
        fresh == Fresh::unread ? io::unread_array(tensor.shape, mx::float32) : tensor.values();
    values.eval();  // one after the other: the file's pages are let go
    parameters.push_back(tensor.put(values));
  }
  if (!tensors.empty()) release_mapped_files();  // what was copied is not read again
  return parameters;
}

}  // namespace graft::lora
