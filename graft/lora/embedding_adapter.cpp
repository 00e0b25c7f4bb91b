#include "graft/lora/embedding_adapter.h"

#include <mlx/ops.h>

#include "graft/base/error.h"
#include "graft/io/tensor_info.h"
#include "graft/lora/module_name.h"

namespace graft::lora {
namespace {

constexpr std::string_view kEmbedTokens = "embed_tokens", kLoraA = ".lora_a";

// Of the largest number: what is stored in another type is still the same.
constexpr float kRounding = 0.01f;

float largest(const mx::array& values) { return mx::max(mx::abs(values)).item<float>(); }

}  // namespace

bool is_embedding(const std::string& path) { return names_module(kEmbedTokens, path); }

std::string adapted_embedding(const AdapterFile& file) {
  for (const auto& [name, tensor] : file.tensors) {
    if (!name.ends_with(kLoraA)) continue;
    const std::string path = name.substr(0, name.size() - kLoraA.size());
    if (is_embedding(path)) return path;
  }
  return "";
}

EmbeddingUpdate meaning_of_embedding(const AdapterFile& file) {
  if (file.embedding != EmbeddingUpdate::as_model || !file.base.tied_head) return file.embedding;
  return *file.base.tied_head ? EmbeddingUpdate::tied : EmbeddingUpdate::alone;
}

void check_embedding(const models::Model& model, const AdapterFile& file) {
  const std::string path = adapted_embedding(file);
  if (path.empty()) return;
  const bool tied = model.untied_embedding() == nullptr;
  if (tied && file.embedding == EmbeddingUpdate::alone) {
    fail(
        "{}: the adapter of {} is of the embedding alone, as PEFT has it without "
        "ensure_weight_tying; the model's head is the same matrix, and here an adapter changes "
        "both, as in mlx-lm",
        file.path.string(), path);
  }
  if (!tied && file.embedding == EmbeddingUpdate::tied) {
    fail(
        "{}: the adapter of {} is of a head that is the embedding, too, and the model has a head "
        "of its own: the adapter is of another model",
        file.path.string(), path);
  }
}

void check_embedding_in(const AdapterFormat& format, const AdapterFile& file) {
  const std::string path = adapted_embedding(file);
  if (path.empty()) return;
  const EmbeddingUpdate meaning = meaning_of_embedding(file);
  const bool of_tied = meaning == EmbeddingUpdate::tied || file.base.tied_head.value_or(false);
  using Embedding = AdapterFormat::Embedding;
  switch (format.embedding) {
    case Embedding::as_model:
      if (meaning != EmbeddingUpdate::alone || file.base.tied_head == false) return;
      if (!of_tied) break;
      fail(
          "{}: the adapter of {} is of the embedding alone, and whoever reads this layout would "
          "change the head, too, which is the same matrix",
          file.path.string(), path);
    case Embedding::with_head:
      if (meaning != EmbeddingUpdate::as_model) return;
      break;
    case Embedding::untied:
      if (file.base.tied_head == false) return;
      if (!of_tied) break;
      fail(
          "{}: llama.cpp cannot run an adapter of {} where the head is the embedding, too: `graft "
          "export` writes the model with it",
          file.path.string(), path);
  }
  fail_usage(
      "{}: what the adapter of {} does to the head depends on whether that is the embedding: give "
      "its `model`",
      file.path.string(), path);
}

void check_base_weights(models::Model& model, const AdapterFile& file) {
  for (const auto& [name, tensor] : file.base_weights) {
    for (const models::Part& part : model.parts()) {
      const auto is_named = [&n = name](const std::string& own) {
        return own == n || own == "language_model." + n;  // multimodal
      };
      mx::Shape shape;
      std::optional<mx::array> own;  // none: quantized
      if (const auto* matrix = std::get_if<models::Matrix>(&part.part)) {
        const ops::Weight& weight = *matrix->weight;
        // A head that is tied is the embedding again.
        const bool is_head = matrix->tied != nullptr && name == "lm_head.weight";
        if (!is_head && !is_named(matrix->path + ".weight")) continue;
        shape = {weight.out(), weight.in()};
        if (!weight.quantized()) own = weight.weight;
      } else if (const auto* vector = std::get_if<models::Vector>(&part.part)) {
        if (!is_named(vector->path)) continue;
        shape = vector->values->shape();
        own = *vector->values;
      } else {
        continue;
      }
      if (tensor.shape != shape) {
        fail("{}: its copy of {} is {}, but the model's is {}: the adapter is of another model",
             file.path.string(), name, io::shape_text(tensor.shape), io::shape_text(shape));
      }
      if (!own) continue;
      const mx::array values = mx::astype(*own, mx::float32);
      const mx::array copy = mx::astype(tensor.load(), mx::float32);
      if (!(largest(mx::subtract(values, copy)) <= kRounding * largest(values))) {
        fail("{}: its copy of {} is not the model's: the adapter is of another model",
             file.path.string(), name);
      }
    }
  }
}

}  // namespace graft::lora
