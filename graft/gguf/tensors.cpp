#include "graft/gguf/tensors.h"

#include <mlx/ops.h>

#include <algorithm>
#include <optional>
#include <set>
#include <tuple>

#include "graft/base/error.h"
#include "graft/gguf/rope.h"
#include "graft/io/gguf_row_order.h"
#include "graft/lora/fuse.h"

namespace graft::gguf {
namespace {

constexpr std::string_view kRouter = ".ffn_gate_inp";

// The rows of q and k as the architecture's files have them.
struct FileOrder {
  bool permuted;
  int head_dim;

  mx::array operator()(const mx::array& rows, const std::string& name) const {
    const bool here = permuted && (name.ends_with(".attn_q") || name.ends_with(".attn_k"));
    return here ? io::in_stored_order(rows, head_dim, name) : rows;
  }

  ops::Weight operator()(ops::Weight weight, const std::string& name) const {
    weight.weight = (*this)(weight.weight, name);
    if (weight.scales) weight.scales = (*this)(*weight.scales, name);
    if (weight.biases) weight.biases = (*this)(*weight.biases, name);
    return weight;
  }
};

class Collector {
 public:
  Collector(models::Decoder& model, const Architecture& architecture)
      : model_(model),
        a_(architecture),
        order_{models::is_permuted(architecture.name), model.head_dim()} {}

  std::vector<Tensor> collect() {
    for (const models::Part& part : model_.parts()) {
      layer_ = part.layer;
      std::visit([&](const auto& one) { add(one); }, part.part);
    }
    layer_ = -1;
    const models::DecoderParts& model = model_.structure();
    if (a_.head == Architecture::Head::required && !model_.has_own_head()) {
      const ops::Weight& weight = model.embedding.weight;
      Tensor head = matrix("output", {weight.out(), weight.in()});
      head.is_head = true;
      head.base = weight;
      head.adapted = model.embedding.adapter.has_value();
      head.matrices = {maker(model.embedding, "output")};
      put("lm_head", std::move(head));
    }
    add_missing_biases();
    for (const auto& [name, factors] : rope_tensors(model.ropes.front().settings())) {
      add_values("", name, factors);
    }
    std::stable_sort(all_.begin(), all_.end(), [](const Placed& a, const Placed& b) {
      return std::tuple(a.place, a.tensor.layer, a.path) <
             std::tuple(b.place, b.tensor.layer, b.path);
    });
    std::vector<Tensor> tensors;
    for (Placed& one : all_) tensors.push_back(std::move(one.tensor));
    return tensors;
  }

 private:
  struct Placed {
    int place;         // RoPE, head, embedding, layers, final norm
    std::string path;  // in the checkpoint
    Tensor tensor;
  };

  std::string name_of(const std::string& path) const {
    const auto name = models::gguf_part(path, a_.name);
    if (!name) fail("llama.cpp's {} has no place for {}", a_.name, path);
    return *name;
  }

  static Tensor matrix(const std::string& name, mx::Shape shape) {
    return {.name = name + ".weight", .shape = std::move(shape)};
  }

  void put(const std::string& path, Tensor tensor) {
    tensor.layer = layer_;
    tensor.path = path;
    const int place = path.empty()                            ? 0
                      : tensor.name.starts_with("output.")    ? 1
                      : tensor.name.starts_with("token_embd") ? 2
                      : layer_ >= 0                           ? 3
                                                              : 4;
    names_.insert(tensor.name);
    all_.push_back({place, path, std::move(tensor)});
  }

  void add_values(const std::string& path, const std::string& name, const mx::array& values,
                  std::optional<mx::Shape> shape = {}) {
    Tensor tensor{.name = name, .shape = shape.value_or(values.shape())};
    tensor.values = [values, shape = tensor.shape] {
      return mx::reshape(mx::astype(values, mx::float32), shape);
    };
    put(path, std::move(tensor));
  }

  // Of a linear layer or the embedding.
  template <class Layer>
  std::function<ops::Weight()> maker(const Layer& layer, const std::string& name) const {
    return [order = order_, layer, name] {
      if (!layer.adapter) return order(layer.weight, name);
      return order(ops::Weight{lora::adapted_matrix(layer), {}, {}, 0, 0}, name);
    };
  }

  void add(nn::Linear* layer) {
    const std::string name = name_of(layer->path);
    if (name.ends_with(kRouter)) {
      add_values(layer->path, name + ".weight", lora::adapted_matrix(*layer));
    } else {
      Tensor tensor = matrix(name, {layer->out(), layer->in()});
      tensor.adapted = layer->adapter.has_value();
      tensor.base = layer->weight;
      tensor.matrices = {maker(*layer, name)};
      put(layer->path, std::move(tensor));
    }
    if (layer->bias) add_values(layer->path, name + ".bias", order_(*layer->bias, name));
  }

  void add(nn::ExpertLinear* layer) {
    const std::string name = name_of(layer->path);
    Tensor tensor = matrix(name, {layer->count(), layer->out(), layer->in()});
    tensor.adapted = layer->adapter.has_value();
    tensor.base = layer->weights->each.front();
    for (int i = 0; i < layer->count(); ++i)
      tensor.matrices.push_back(maker(layer->expert(i), name));
    put(layer->path, std::move(tensor));
  }

  void add(nn::Norm* norm) {
    const std::string name = name_of(norm->path);
    add_values(norm->path, name + ".weight", norm->weight_now());
    if (norm->bias) add_values(norm->path, name + ".bias", *norm->bias);
  }

  std::function<ops::Weight()> maker_of(const models::Matrix& part, const std::string& name) const {
    const auto* const* embedding = std::get_if<nn::Embedding*>(&part.layer);
    return embedding != nullptr ? maker(**embedding, name)
                                : maker(*std::get<nn::Linear*>(part.layer), name);
  }

  void add(const models::Matrix& part) {
    const std::string name = name_of(part.path);
    Tensor tensor = matrix(name, {part.weight->out(), part.weight->in()});
    tensor.is_head =
        name == "output" || (!model_.has_own_head() && a_.head != Architecture::Head::required);
    tensor.base = *part.weight;
    tensor.adapted = models::LinearPart{-1, part.layer}.adapter().has_value();
    tensor.matrices = {maker_of(part, name)};
    put(part.path, std::move(tensor));
  }

  // The bias of the head, or a norm's weights of each head of attention.
  void add(const models::Vector& part) {
    constexpr std::string_view kBias = ".bias";
    if (part.path.ends_with(kBias)) {
      const std::string owner = part.path.substr(0, part.path.size() - kBias.size());
      return add_values(owner, name_of(owner) + ".bias", *part.values);
    }
    const int heads = static_cast<int>(part.values->size()) / order_.head_dim;
    add_values(part.path, name_of(part.path) + ".weight", *part.values,
               mx::Shape{heads, order_.head_dim});
  }

  // What a model may lack and the architecture must have: zeros are the same.
  void add_missing_biases() {
    if (a_.output_bias != Architecture::Bias::always) return;
    std::vector<Placed> layers = all_;
    for (const Placed& one : layers) {
      for (const std::string layer : {".attn_output.", ".ffn_up.", ".ffn_down."}) {
        const size_t at = one.tensor.name.find(layer + "weight");
        if (at == std::string::npos) continue;
        const std::string bias = one.tensor.name.substr(0, at) + layer + "bias";
        layer_ = one.tensor.layer;
        if (names_.count(bias) == 0) {
          add_values(one.path, bias, mx::zeros({one.tensor.shape[0]}, mx::float32));
        }
      }
    }
  }

  models::Decoder& model_;
  const Architecture& a_;
  FileOrder order_;
  int layer_ = -1;
  std::set<std::string> names_;
  std::vector<Placed> all_;
};

}  // namespace

size_t Tensor::size() const {
  size_t count = 1;
  for (const int extent : shape) count *= static_cast<size_t>(extent);
  return count;
}

std::vector<Tensor> tensors_of(models::Decoder& model, const Architecture& architecture) {
  return Collector(model, architecture).collect();
}

}  // namespace graft::gguf
