#include "graft/gguf/architecture.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "graft/base/error.h"

namespace graft::gguf {
namespace {

using Head = Architecture::Head;
using Bias = Architecture::Bias;
using Caps = Architecture::Caps;
using Parallel = Architecture::Parallel;

constexpr Architecture kArchitectures[] = {
    {.name = "gemma",
     .head = Head::never,
     .activation = Activation::gelu_tanh,
     .embedding_by_width = true},
    {.name = "gemma2",
     .head = Head::never,
     .activation = Activation::gelu_tanh,
     .windows = true,
     .embedding_by_width = true,
     .scaled_by_width = 46,
     .caps = Caps::both},
    {.name = "gemma3",
     .activation = Activation::gelu_tanh,
     .windows = true,
     .embedding_by_width = true,
     .scaled_by_width = 62,
     .caps = Caps::logits},
    {.name = "granite",
     .output_bias = Bias::optional,
     .mlp_bias = Bias::optional,
     .rope_divisors = true,
     .rope_factors = true,
     .scales = true},
    {.name = "llama",
     .output_bias = Bias::optional,
     .mlp_bias = Bias::optional,
     .rope_divisors = true,
     .rope_factors = true},
    {.name = "olmo2", .head = Head::required, .square_heads = true},
    {.name = "phi2",
     .head = Head::required,
     .activation = Activation::gelu_tanh,
     .output_bias = Bias::always,
     .mlp_bias = Bias::always,
     .square_heads = true,
     .parallel = Parallel::always,
     .partial_rope = true},
    {.name = "phi3", .square_heads = true, .partial_rope = true, .rope_factors = true},
    {.name = "qwen2", .square_heads = true},
    {.name = "qwen3"},
    {.name = "qwen3moe"},
    {.name = "smollm3", .unrotated = 4},
    {.name = "stablelm",
     .head = Head::required,
     .square_heads = true,
     .parallel = Parallel::either,
     .partial_rope = true},
    {.name = "starcoder2",
     .activation = Activation::gelu_tanh,
     .output_bias = Bias::always,
     .mlp_bias = Bias::always,
     .square_heads = true},
};

constexpr int kMostLayers = 512, kMostExperts = 1024;  // llama-hparams.h
constexpr double kScaleTolerance = 1e-5;               // scales are computed in f32

bool near(double a, double b) { return std::abs(a - b) <= kScaleTolerance * std::abs(b); }

const char* name_of(Activation activation) {
  switch (activation) {
    case Activation::silu:
      return "SiLU";
    case Activation::gelu:
      return "the exact GELU";
    default:
      return "GELU by tanh";
  }
}

class Checker {
 public:
  Checker(const Architecture& architecture, const models::Decoder& model, const std::string& what)
      : a_(architecture),
        model_(model.structure()),
        has_own_head_(model.has_own_head()),
        what_(what) {}

  std::vector<std::string> check() {
    if (model_.blocks.empty() || std::ssize(model_.blocks) > kMostLayers) {
      refuse(fmt::format("{} layers", model_.blocks.size()));
    }
    for (size_t i = 0; i < model_.blocks.size(); ++i) check_block(static_cast<int>(i));
    check_scales();
    check_ropes();
    if (a_.head == Head::never && has_own_head_) refuse("a head that is not the embedding");
    if (model_.final_soft_cap != 0 && a_.caps == Caps::none) refuse("a soft cap on logits");
    if (model_.final_soft_cap == 0 && a_.caps == Caps::both) refuse("logits without a soft cap");
    return notes_;
  }

 private:
  [[noreturn]] void refuse(const std::string& what) const {
    fail("{}: llama.cpp's {} has no place for {}: it would compute another model", what_, a_.name,
         what);
  }

  void check_block(int index) {
    const models::Block& block = model_.blocks[static_cast<size_t>(index)];
    const models::AttentionConfig& attention = block.attention.config();
    const ops::AttentionOptions& o = attention.options;
    if (a_.square_heads && o.heads * o.head_dim != attention.hidden_size) {
      refuse(fmt::format("{} heads of width {} beside a hidden size of {}", o.heads, o.head_dim,
                         attention.hidden_size));
    }
    const bool by_width =
        a_.scaled_by_width != 0 && std::ssize(model_.blocks) == a_.scaled_by_width;
    const int width = by_width ? attention.hidden_size / o.heads : o.head_dim;
    if (!a_.scales && !near(o.scale, 1 / std::sqrt(width))) {
      refuse(fmt::format("scores scaled by {} (1/sqrt({}) alone)", o.scale, width));
    }
    if (o.soft_cap != 0 && a_.caps != Caps::both) refuse("a soft cap on the scores of attention");
    if (o.soft_cap == 0 && a_.caps == Caps::both) refuse("scores of attention without a soft cap");
    if (o.window > 0 && !a_.windows && notes_.empty()) {
      notes_.push_back(fmt::format(
          "llama.cpp knows no sliding window in {}: beyond {} tokens it attends to more of a text "
          "than the model does",
          a_.name, o.window));
    }
    const bool rotates = a_.unrotated == 0 || (index + 1) % a_.unrotated != 0;
    if (attention.rope.has_value() != rotates) {
      refuse(fmt::format("RoPE in other layers than it has there (layer {})", index));
    }
    if (block.parallel ? a_.parallel == Parallel::never : a_.parallel == Parallel::always) {
      refuse(block.parallel ? "attention and MLP in parallel" : "attention and MLP one by one");
    }
    if (attention.output_bias && a_.output_bias == Bias::never) {
      refuse("a bias on the output of attention");
    }
    std::visit([&](const auto& layer) { check_mlp(layer.config()); }, block.mlp);
  }

  void check_mlp(const models::MlpConfig& mlp) const {
    check_activation(mlp.activation);
    if (mlp.bias && a_.mlp_bias == Bias::never) refuse("biases in the MLP");
    if (a_.name == "qwen3moe") refuse("layers without experts");
  }

  void check_mlp(const models::ExpertsConfig& experts) const {
    check_activation(experts.activation);
    if (experts.count > kMostExperts) refuse(fmt::format("{} experts", experts.count));
    if (!experts.normalize) refuse("shares of experts that do not sum to 1 (norm_topk_prob)");
  }

  void check_activation(Activation activation) const {
    if (activation != a_.activation) refuse(std::string(name_of(activation)) + " as activation");
  }

  void check_scales() const {
    const double width = std::sqrt(model_.embedding.out());
    // In f32 there; the model rounds it to the type of its activations.
    const bool by_width = std::abs(model_.embedding_scale - width) <= 0.01 * width;
    if (a_.embedding_by_width ? !by_width : !a_.scales && model_.embedding_scale != 1) {
      refuse(fmt::format("embeddings multiplied by {}", model_.embedding_scale));
    }
    if (a_.scales) return;
    if (model_.residual_scale != 1) refuse("a scale on what layers add");
    if (model_.output_scale != 1) refuse("a scale on logits");
  }

  void check_ropes() {
    for (size_t i = 0; i < model_.ropes.size(); ++i) {
      const nn::RopeSettings& rope = model_.ropes[i].settings();
      const int width = model_.blocks.front().attention.config().options.head_dim;
      if (rope.rotary_dim != width && !a_.partial_rope) {
        refuse(fmt::format("RoPE of {} of {} elements of a head", rope.rotary_dim, width));
      }
      if (i > 0) {  // that of layers with a window
        if (rope.type != "default")
          refuse("RoPE of kind " + rope.type + " in layers with a window");
        continue;
      }
      if (rope.type == "llama3" && !a_.rope_divisors) refuse("RoPE of kind llama3");
      if (rope.type == "longrope" && !a_.rope_factors) refuse("RoPE of kind longrope");
      if (rope.type == "yarn" && (rope.beta_fast != 32 || rope.beta_slow != 1 || !rope.truncate)) {
        refuse("YaRN with beta_fast, beta_slow or truncate of its own");
      }
      if (rope.type == "yarn" && model_.ropes.size() > 1 &&
          !near(rope.attention_factor, 1 + 0.1 * std::log(rope.factor))) {
        refuse("YaRN with an attention_factor of its own beside layers with a window");
      }
      if (rope.type == "longrope") {
        notes_.push_back(
            fmt::format("llama.cpp takes the long factors of RoPE for all texts once its context "
                        "is larger than "
                        "{} tokens, the model for longer texts alone",
                        rope.original_length));
      }
      if (rope.type == "dynamic") {
        notes_.push_back(fmt::format(
            "llama.cpp has no RoPE of kind dynamic: texts of more than {} tokens are rotated "
            "otherwise there",
            rope.original_length));
      }
    }
  }

  const Architecture& a_;
  const models::DecoderParts& model_;
  bool has_own_head_;
  const std::string& what_;
  std::vector<std::string> notes_;
};

}  // namespace

const Architecture& architecture_of(std::string_view model_type) {
  const models::GgufFamily* family = models::gguf_family(model_type);
  if (family != nullptr) {
    for (const Architecture& one : kArchitectures) {
      if (one.name == family->architecture) return one;
    }
  }
  fail("llama.cpp has no architecture for the model type '{}'", model_type);
}

std::vector<std::string> check_architecture(const Architecture& architecture,
                                            const models::Decoder& model, const std::string& what) {
  return Checker(architecture, model, what).check();
}

}  // namespace graft::gguf
