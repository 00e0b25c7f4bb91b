#include "graft/gguf/model_keys.h"

#include <algorithm>

#include "graft/base/config_reader.h"
#include "graft/gguf/rope.h"

namespace graft::gguf {
namespace {

uint32_t u32(int64_t number) { return static_cast<uint32_t>(number); }

class Keys {
 public:
  Keys(io::GgufKeys& file, const Architecture& architecture, const models::Decoder& model,
       const json& config)
      : file_(file),
        a_(architecture),
        model_(model.structure()),
        config_(config, "config.json"),
        first_(model_.blocks.front()) {}

  void set() {
    const ops::AttentionOptions& attention = first_.attention.config().options;
    set("block_count", u32(std::ssize(model_.blocks)));
    set("context_length", u32(config_.integer("max_position_embeddings")));
    set("embedding_length", u32(model_.embedding.out()));
    std::visit([&](const auto& layer) { set_mlp(layer.config()); }, first_.mlp);
    set("attention.head_count", u32(attention.heads));
    set("attention.head_count_kv", u32(attention.kv_heads));
    set("attention.key_length", u32(attention.head_dim));
    set("attention.value_length", u32(attention.head_dim));
    set(model_.norm.centered ? "attention.layer_norm_epsilon" : "attention.layer_norm_rms_epsilon",
        model_.norm.eps);
    set("vocab_size", u32(model_.embedding.in()));
    set_windows();
    if (a_.scales) set_scales(attention);
    if (attention.soft_cap > 0) set("attn_logit_softcapping", attention.soft_cap);
    if (model_.final_soft_cap > 0) set("final_logit_softcapping", model_.final_soft_cap);
    if (a_.parallel == Architecture::Parallel::either) {
      set("use_parallel_residual", first_.parallel);
    }
    const nn::RopeSettings& rope = model_.ropes.front().settings();
    set_rope(file_, std::string(a_.name), rope);
    if (model_.ropes.size() > 1) {
      set("rope.freq_base_swa", static_cast<float>(model_.ropes[1].settings().theta));
    }
    // Phi-3 wants it whatever the kind of RoPE.
    if (a_.name == "phi3" && rope.type == "default") {
      set("rope.scaling.original_context_length",
          u32(config_.integer("original_max_position_embeddings", 4096)));
    }
  }

 private:
  template <class Value>
  void set(const char* key, const Value& value) {
    file_.set(std::string(a_.name) + "." + key, value);
  }

  void set_mlp(const models::MlpConfig& mlp) {
    set("feed_forward_length", u32(mlp.intermediate_size));
  }

  void set_mlp(const models::ExpertsConfig& experts) {
    set("feed_forward_length",
        u32(config_.integer("intermediate_size", experts.intermediate_size)));
    set("expert_feed_forward_length", u32(experts.intermediate_size));
    set("expert_count", u32(experts.count));
    set("expert_used_count", u32(experts.chosen));
  }

  // The width of windows, and which layers have one.
  void set_windows() {
    int window = 0;
    std::vector<bool> slides;
    for (const models::Block& block : model_.blocks) {
      const int own = block.attention.config().options.window;
      slides.push_back(own > 0);
      window = std::max(window, own);
    }
    if (a_.name == "phi3") set("attention.sliding_window", u32(window));
    if (!a_.windows) return;
    // Gemma 2's files have a window of 4096 unless they say that no layer has one.
    if (window == 0 && a_.name != "gemma2") return;
    set("attention.sliding_window", u32(window == 0 ? 4096 : window));
    set("attention.sliding_window_pattern", slides);
  }

  void set_scales(const ops::AttentionOptions& attention) {
    set("attention.scale", attention.scale);
    set("embedding_scale", model_.embedding_scale);
    set("residual_scale", model_.residual_scale);
    set("logit_scale", 1 / model_.output_scale);  // logits are divided by it
  }

  io::GgufKeys& file_;
  const Architecture& a_;
  const models::DecoderParts& model_;
  ConfigReader config_;
  const models::Block& first_;
};

}  // namespace

void set_model_keys(io::GgufKeys& file, const Architecture& architecture,
                    const models::Decoder& model, const json& config) {
  Keys(file, architecture, model, config).set();
}

}  // namespace graft::gguf
