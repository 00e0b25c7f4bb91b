#include "graft/lora/embedding_adapter.h"

#include <mlx/ops.h>

#include <algorithm>
#include <cmath>
#include <optional>

#include "graft/base/error.h"
#include "graft/io/tensor_info.h"
#include "graft/lora/module_name.h"

namespace graft::lora {
namespace {

constexpr std::string_view kEmbedTokens = "embed_tokens", kLoraA = ".lora_a";

// Of a copy's norm: the difference that another type of 16 bits makes is below the first; one above
// the second is another model's.
constexpr double kRounding = 0.02, kAnother = 0.7;
constexpr int kRowsAtOnce = 4096;  // that are dense in f32

double squares(const mx::array& values) { return mx::sum(mx::square(values)).item<float>(); }

// How far a copy is from what the model has, of the copy's norm.
double distance(const ops::Weight& own, const mx::array& copy) {
  double of_difference = 0, of_copy = 0;
  for (int row = 0; row < own.out(); row += kRowsAtOnce) {
    const int end = std::min(own.out(), row + kRowsAtOnce);
    const mx::array theirs = mx::astype(ops::rows_of(copy, row, end), mx::float32);
    const mx::array ours = ops::dequantized(ops::rows_of(own, row, end), mx::float32);
    of_difference += squares(mx::subtract(ours, theirs));
    of_copy += squares(theirs);
  }
  // Zeros are zeros; what is not finite is near to nothing.
  return of_difference == 0 ? 0 : std::sqrt(of_difference / of_copy);
}

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

void check_base_weights(models::Model& model, const AdapterFile& file, FrontEnd& front_end) {
  for (const auto& [name, tensor] : file.base_weights) {
    for (const models::Part& part : model.parts()) {
      const auto is_named = [&n = name](const std::string& own) {
        return own == n || own == "language_model." + n;  // multimodal
      };
      mx::Shape shape;
      std::optional<ops::Weight> own;
      if (const auto* matrix = std::get_if<models::Matrix>(&part.part)) {
        const ops::Weight& weight = *matrix->weight;
        // A head that is tied is the embedding again.
        const bool is_head = matrix->tied != nullptr && name == "lm_head.weight";
        if (!is_head && !is_named(matrix->path + ".weight")) continue;
        shape = {weight.out(), weight.in()};
        own = weight;
      } else if (const auto* vector = std::get_if<models::Vector>(&part.part)) {
        if (!is_named(vector->path)) continue;
        shape = vector->values->shape();
        own = ops::Weight{mx::expand_dims(*vector->values, 0), {}, {}, 0, 0};
      } else {
        continue;
      }
      if (tensor.shape != shape) {
        fail("{}: its copy of {} is {}, but the model's is {}: the adapter is of another model",
             file.path.string(), name, io::shape_text(tensor.shape), io::shape_text(shape));
      }
      const mx::array copy = tensor.load();
      const double off = distance(*own, copy.ndim() == 1 ? mx::expand_dims(copy, 0) : copy);
      if (!(off <= kAnother)) {
        fail("{}: its copy of {} is not the model's: the adapter is of another model",
             file.path.string(), name);
      }
      if (off > kRounding) {
        front_end.warn(
            "{}: its copy of {} is {:.0f}% off the model's, as after quantizing, or of another "
            "version of the model: the model's own is used",
            file.path.string(), name, 100 * off);
      }
    }
  }
}

}  // namespace graft::lora
