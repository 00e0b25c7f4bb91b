#include "cli/flags.h"

#include <algorithm>
#include <functional>
#include <map>

namespace graft::cli {
namespace {

const std::map<std::string, const char*, std::less<>>& flags() {
  static const std::map<std::string, const char*, std::less<>> all = {
      {"adafactor_decay_rate", "--adafactor-decay-rate"},
      {"adafactor_warmup_init", "--adafactor-warmup-init"},
      {"adam_bits", "--adam-bits"},
      {"add_eos", "--add-eos-token"},
      {"batch_size", "--batch-size"},
      {"beta1", "--beta1"},
      {"beta2", "--beta2"},
      {"bias_correction", "--bias-correction"},
      {"clip_threshold", "--clip-threshold"},
      {"dampening", "--dampening"},
      {"completion_key", "--completion-key"},
      {"cwd", "--cwd"},
      {"data", "--data"},
      {"decay_rate", "--decay-rate"},
      {"decay_share", "--decay-share"},
      {"dequantize", "--dequantize"},
      {"dtype", "--dtype"},
      {"epochs", "--epochs"},
      {"eps", "--eps"},
      {"fine_tune_type", "--fine-tune-type"},
      {"force", "--force"},
      {"format", "--format"},
      {"grad_checkpoint", "--grad-checkpoint"},
      {"hf_path", "--hf-path"},
      {"iters", "--iters"},
      {"keys", "--lora-keys"},
      {"learning_rate", "--learning-rate"},
      {"lora_plus_ratio", "--lora-plus-ratio"},
      {"loss_only", "--loss-only"},
      {"make_private", "--private"},
      {"max_seq_length", "--max-seq-length"},
      {"memory", "--memory"},
      {"messages_key", "--messages-key"},
      {"min_lr", "--min-lr"},
      {"mlx_path", "--mlx-path"},
      {"model", "--model"},
      {"momentum", "--momentum"},
      {"nesterov", "--nesterov"},
      {"ns_steps", "--ns-steps"},
      {"num_layers", "--lora-layers"},
      {"only", "--only"},
      {"optimizer", "--optimizer"},
      {"overlap", "--overlap"},
      {"overlong", "--overlong"},
      {"patience", "--patience"},
      {"port", "--port"},
      {"prompt_key", "--prompt-key"},
      {"q_bits", "--q-bits"},
      {"q_group_size", "--q-group-size"},
      {"q_mode", "--q-mode"},
      {"quant_predicate", "--quant-predicate"},
      {"quantize", "--quantize"},
      {"rank", "--lora-rank"},
      {"relative_step", "--relative-step"},
      {"resume_adapter_file", "--resume-adapter-file"},
      {"sample_prompt", "--sample-prompt"},
      {"scale", "--lora-scale"},
      {"scale_eps", "--scale-eps"},
      {"scale_parameter", "--scale-parameter"},
      {"schedule", "--schedule"},
      {"schedule_arguments", "--schedule-arguments"},
      {"step_size", "--step-size"},
      {"target", "--save-path"},
      {"text_key", "--text-key"},
      {"threads", "--threads"},
      {"train_extra", "--train-extra"},
      {"train_on", "--train-on"},
      {"trunk_bits", "--trunk-bits"},
      {"trunk_cache", "--trunk-cache"},
      {"valid_split", "--valid-split"},
      {"warmup", "--warmup"},
      {"warmup_init", "--warmup-init"},
      {"weight_decay", "--weight-decay"},
  };
  return all;
}

}  // namespace

std::string with_flags(std::string_view message) {
  std::string result;
  while (!message.empty()) {
    const size_t begin = std::min(message.find('`'), message.size());
    result += message.substr(0, begin);
    message.remove_prefix(begin);
    if (message.empty()) break;
    const size_t end = message.find('`', 1);
    const auto found =
        end == std::string_view::npos ? flags().end() : flags().find(message.substr(1, end - 1));
    if (found == flags().end()) {
      result += '`';
      message.remove_prefix(1);
    } else {
      result += found->second;
      message.remove_prefix(end + 1);
    }
  }
  return result;
}

}  // namespace graft::cli
