// llama.cpp's file of a LoRA adapter (src/llama-adapter.cpp, convert_lora_to_gguf.py): for a layer
// with the weight `blk.3.attn_q.weight`, `.lora_a` [R, in] and `.lora_b` [out, R], of experts
// [E, R, in] and [E, out, R]; of the embedding, `token_embd.weight`, lora_a is [V, R] and lora_b
// [D, R], which are looked up and not multiplied. It counts with adapter.lora.alpha / R, so one
// number serves layers of different ranks only where their scales have the same ratio: other scales
// are in lora_b.

#include <mlx/ops.h>

#include <cmath>
#include <memory>
#include <vector>

#include "graft/base/config_reader.h"
#include "graft/base/error.h"
#include "graft/io/finite.h"
#include "graft/io/gguf.h"
#include "graft/io/gguf_row_order.h"
#include "graft/io/gguf_writer.h"
#include "graft/io/json.h"
#include "graft/io/tensor_info.h"
#include "graft/lora/adapter_format.h"
#include "graft/lora/adapter_metadata.h"
#include "graft/lora/embedding_adapter.h"
#include "graft/lora/gguf_order.h"
#include "graft/lora/layer_pairs.h"
#include "graft/models/gguf_names.h"

namespace graft::lora {
namespace {

constexpr std::string_view kWeightA = ".weight.lora_a", kWeightB = ".weight.lora_b";
constexpr const char* kMetadata = "graft.adapter";

mx::array turned(const mx::array& matrix) {
  return matrix.ndim() == 3 ? matrix : mx::transpose(matrix);
}

mx::Shape turned(const mx::Shape& shape) {
  return shape.size() == 3 ? shape : mx::Shape{shape.at(1), shape.at(0)};
}

// lora_a as it is in the file from graft's form, and the other way round.
mx::array turned_a(const mx::array& a, bool of_embedding) { return of_embedding ? a : turned(a); }

mx::Shape turned_a(const mx::Shape& a, bool of_embedding) { return of_embedding ? a : turned(a); }

bool is_permuted_layer(const std::string& gguf) {
  return gguf.ends_with(".attn_q") || gguf.ends_with(".attn_k");
}

class GgufReader {
 public:
  explicit GgufReader(AdapterFile& file)
      : file_(file),
        what_(file.path.string()),
        gguf_(std::make_shared<const io::GgufFile>(file.path)) {}

  void read() {
    const std::string architecture = check_kind();
    const auto alpha = gguf_->metadata().number("adapter.lora.alpha");
    if (alpha && !std::isfinite(static_cast<float>(*alpha))) {
      fail("{}: adapter.lora.alpha is {}", what_, *alpha);
    }
    for (const auto& [name, tensor] : gguf_->tensors()) add(name, tensor, architecture);
    LoraSettings settings{.scale = 1, .num_layers = -1};
    for (const auto& [layer, pair] : layer_pairs(file_)) {
      settings.rank = pair.rank();
      // As llama.cpp: no alpha, or 0, is a scale of 1.
      const float scale = alpha.value_or(0) == 0
                              ? 1.0f
                              : static_cast<float>(*alpha / static_cast<double>(pair.rank()));
      if (file_.scales.empty()) settings.scale = scale;
      file_.scales[layer] = scale;
    }
    if (file_.tensors.empty()) fail("{} holds no adapter", what_);
    const auto metadata = gguf_->metadata().text(kMetadata);
    if (metadata) take_own(std::string(*metadata), settings);
    std::erase_if(file_.scales, [&](const auto& one) { return one.second == settings.scale; });
    file_.settings = settings;
  }

 private:
  std::string check_kind() const {
    const auto text = [&](const char* key) {
      return std::string(gguf_->metadata().text(key).value_or(""));
    };
    if (const std::string type = text("general.type"); type != "adapter") {
      fail("{} is no adapter: its general.type is {}", what_, io::in_quotes(type));
    }
    if (const std::string type = text("adapter.type"); type != "lora") {
      fail("{}: its adapter.type is {}; LoRA alone is supported", what_, io::in_quotes(type));
    }
    if (gguf_->metadata().has("adapter.alora.invocation_tokens")) {
      fail("{} is an activated LoRA, which is not supported", what_);
    }
    return text("general.architecture");
  }

  void add(const std::string& name, const io::GgufTensor& tensor, const std::string& architecture) {
    const bool is_a = name.ends_with(kWeightA), is_b = name.ends_with(kWeightB);
    const std::string gguf = name.substr(0, name.size() - std::min(name.size(), kWeightA.size()));
    const auto layer =
        is_a || is_b ? models::layer_of_gguf(gguf, architecture) : std::optional<std::string>();
    if (!layer) {
      fail("{}: {} is no adapter of a linear layer that is known in models of {}", what_,
           io::in_quotes(name), io::in_quotes(architecture));
    }
    if (tensor.shape.size() != 2 && tensor.shape.size() != 3) {
      fail("{}: {} is {}, no matrix", what_, io::in_quotes(name), io::shape_text(tensor.shape));
    }
    if (io::block_of(tensor.type).elements != 1) {
      fail("{}: {} is {}: adapters in F32, F16 or BF16 are supported", what_, io::in_quotes(name),
           io::gguf_type_name(tensor.type));
    }
    const bool keeps = is_a && is_embedding(*layer);
    file_.tensors.insert({*layer + (is_a ? ".lora_a" : ".lora_b"),
                          AdapterTensor(turned_a(tensor.shape, keeps), [gguf = gguf_, name, keeps] {
                            return turned_a(gguf->load(gguf->tensor(name)), keeps);
                          })});
    if (is_embedding(*layer)) file_.embedding = EmbeddingUpdate::alone;
    if (is_b && models::is_permuted(architecture) && is_permuted_layer(gguf)) {
      file_.in_gguf_order.insert(*layer);
    }
  }

  // What graft says of an adapter of its own. Scales are what llama.cpp makes them, but for the
  // last bit that alpha has rounded away.
  void take_own(const std::string& metadata, LoraSettings& settings) {
    AdapterFile own;
    own.path = file_.path;
    take_metadata(own, metadata);
    static_cast<AdapterOrigin&>(file_) = own;
    if (own.settings) {
      settings.num_layers = own.settings->num_layers;
      settings.keys = own.settings->keys;
      settings.dropout = own.settings->dropout;
      const float scale = own.settings->scale;
      for (auto& [layer, found] : file_.scales) found = nearly(found, scale) ? scale : found;
      if (nearly(settings.scale, scale)) settings.scale = scale;
    }
    if (own.base.head_dim > 0) file_ = in_own_order(file_, own.base.head_dim);
  }

  static bool nearly(float found, float expected) {
    return std::abs(found - expected) <= 1e-6f * std::abs(expected);
  }

  AdapterFile& file_;
  std::string what_;
  std::shared_ptr<const io::GgufFile> gguf_;
};

void read_gguf(AdapterFile& file) { GgufReader(file).read(); }

std::string_view bytes_of(const mx::array& values) {
  return {values.data<char>(), values.nbytes()};
}

void write_gguf(const AdapterFile& given) {
  settings_of(given);
  const std::string what = given.path.string();
  if (!given.weights.empty()) {
    fail(
        "{}: llama.cpp takes no weights that were trained as they are ({}) in an adapter: `graft "
        "export` writes the model with them",
        what, given.weights.begin()->first);
  }
  const models::GgufFamily* family = models::gguf_family(given.base.model_type);
  if (given.base.model_type.empty()) {
    fail_usage("{}: which model the adapter is of decides how GGUF has it: give its `model`", what);
  }
  if (family == nullptr) {
    fail("{}: llama.cpp has no architecture for the model type {}", what,
         io::in_quotes(given.base.model_type));
  }
  const AdapterFile file = in_own_order(given, given.base.head_dim);
  if (is_dora(file)) {
    fail(
        "{}: GGUF has no place for an adapter of DoRA: fuse it into the model (graft fuse) and "
        "export that",
        file.path.string());
  }
  const auto layers = layer_pairs(file);
  // One alpha for all: that of the first layer. Where alpha / rank is another scale, lora_b has it.
  const auto& [first, first_pair] = *layers.begin();
  const float alpha = file.scale_of(first) * static_cast<float>(first_pair.rank());
  if (!std::isfinite(alpha)) fail("{}: the scale of {} is too large", what, first);
  io::GgufWriter writer(file.path);
  writer.set("general.architecture", family->architecture);
  writer.set("general.type", "adapter");
  writer.set("general.name", file.path.stem().string());
  if (file.provenance.origin) {
    const std::string& repository = file.provenance.origin->repository;
    writer.set("general.base_model.count", uint32_t{1});
    writer.set("general.base_model.0.name", repository.substr(repository.find('/') + 1));
    writer.set("general.base_model.0.repo_url", "https://huggingface.co/" + repository);
  }
  writer.set("general.quantization_version", uint32_t{2});
  writer.set("adapter.type", "lora");
  writer.set("adapter.lora.alpha", alpha);
  writer.set(kMetadata, metadata_of(file));
  struct Layer {
    std::string name;
    LayerPair pair;
    float factor;  // on lora_b
    bool permuted, of_embedding;
  };
  std::vector<Layer> all;
  for (const auto& [layer, pair] : layers) {
    const auto name = models::gguf_layer(layer);
    if (!name) {
      fail("{}: GGUF has no name for the layer {}", what, layer);
    }
    const float its = alpha / static_cast<float>(pair.rank());
    const bool permuted = family->permuted && is_permuted_layer(*name);
    if (alpha == 0 && file.scale_of(layer) != 0) fail("{}: the scale of {} is 0", what, first);
    all.push_back({*name, pair, alpha == 0 ? 0.0f : file.scale_of(layer) / its, permuted,
                   is_embedding(layer)});
    for (const auto& [end, tensor] : {std::pair(kWeightA, pair.a), std::pair(kWeightB, pair.b)}) {
      const bool keeps = end == kWeightA && is_embedding(layer);
      writer.declare(*name + std::string(end), io::GgufTensorType::f32,
                     turned_a(tensor->shape, keeps));
    }
  }
  for (const Layer& layer : all) {
    const auto put = [&](std::string_view end, mx::array values) {
      values = mx::contiguous(mx::astype(values, mx::float32));
      io::check_finite(values, what + ": " + layer.name);
      writer.write(layer.name + std::string(end), bytes_of(values));
    };
    put(kWeightA, turned_a(layer.pair.a->load(), layer.of_embedding));
    mx::array b = mx::astype(turned(layer.pair.b->load()), mx::float32);
    if (layer.factor != 1) b = mx::multiply(b, mx::array(layer.factor));
    if (layer.permuted) {
      b = io::in_stored_order(b, file.base.head_dim,
                              what + ": " + layer.name + std::string(kWeightB));
    }
    put(kWeightB, b);
  }
  writer.commit();
}

}  // namespace

const AdapterFormat kGgufAdapters{.name = "gguf",
                                  .file_name = "adapter.gguf",
                                  .extension = ".gguf",
                                  .read = read_gguf,
                                  .write = write_gguf,
                                  .holds_dora = false,
                                  .holds_weights = false,
                                  .embedding = AdapterFormat::Embedding::untied};

}  // namespace graft::lora
