#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>

#include "cli/activations_option.h"
#include "cli/adapter_option.h"
#include "cli/commands.h"
#include "cli/named.h"
#include "cli/number_checks.h"
#include "cli/output.h"
#include "cli/threads_option.h"
#include "graft/base/error.h"
#include "graft/base/memory.h"
#include "graft/base/profile.h"
#include "graft/generation/generate.h"
#include "graft/tokenizer/chat_template.h"

namespace graft::cli {
namespace {

struct GenerateCommand {
  std::string model = "mlx_model";
  std::vector<std::string> adapters;
  std::string prompt;
  std::optional<std::string> system;
  bool ignore_chat_template = false;
  int max_tokens = 100;
  generation::SamplerOptions sampler;
  std::vector<std::string> stop;
  bool profile = false;
};

std::string prompt_text(const std::string& prompt) {
  if (prompt != "-") return prompt;
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

// The ids of the prompt: as a user's message in the model's chat template, where it has one.
std::vector<int32_t> prompt_ids(const GenerateCommand& o, const engine::LoadedModel& loaded,
                                FrontEnd& front_end) {
  const std::string prompt = prompt_text(o.prompt);
  std::optional<tokenizer::ChatTemplate> chat;
  if (!o.ignore_chat_template) {
    chat = tokenizer::ChatTemplate::load(loaded.folder.path(), loaded.tokenizer.special_tokens());
  }
  if (!chat) {
    if (o.system) fail("{}: --system needs a chat template, and this model has none", o.model);
    return loaded.tokenizer.encode(prompt);
  }
  front_end.note("Using the model's chat template (--ignore-chat-template: the prompt as it is)");
  std::vector<tokenizer::ChatMessage> messages;
  if (o.system) messages.push_back({"system", *o.system});
  messages.push_back({"user", prompt});
  // The template writes the special tokens itself.
  return loaded.tokenizer.encode(chat->apply(messages, true), {.add_special_tokens = false});
}

double rate(int count, double seconds) { return seconds > 0 ? count / seconds : 0; }

void run(const GenerateCommand& o, const engine::Runtime& runtime) {
  engine::LoadedModel loaded = load_named(runtime, o.model);
  // An adapter only when it is named.
  if (!o.adapters.empty()) use_adapter(runtime, loaded, o.adapters);
  generation::GenerateOptions options{o.max_tokens, o.sampler, loaded.eos_ids(), o.stop, o.profile};
  const auto ids = prompt_ids(o, loaded, runtime.front_end());
  auto result = generation::generate(*loaded.model, loaded.tokenizer, ids, options, print_text);
  print_text("\n");
  print_error("==========\n");
  print_error("Prompt: {} tokens, {:.1f} tokens/s\n", result.prompt_tokens,
              rate(result.prompt_tokens, result.prompt_seconds));
  print_error("Generation: {} tokens, {:.1f} tokens/s\n", result.steps,
              rate(result.steps, result.seconds));
  print_error("Peak memory: {:.2f} GB\n", static_cast<double>(peak_memory()) / 1e9);
  if (!o.profile) return;
  print_error("\nWhere the time after the prompt went:\n{}", profile_table(result.phases));
}

}  // namespace

void add_generate_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<GenerateCommand>();
  CLI::App* command = app.add_subcommand("generate", "Continue a prompt");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("--model", o->model,
                      "Folder of the model, converted or not, or its name on the Hub");
  add_adapter_option(*command, o->adapters, "Adapter to use; none unless it is named");
  command
      ->add_option("-p,--prompt", o->prompt,
                   "The text to continue; of a model with a chat template, what the user says to "
                   "it. -: standard input")
      ->required();
  auto* raw = command->add_flag("--ignore-chat-template", o->ignore_chat_template,
                                "Continue the prompt as it is");
  command->add_option("--system", o->system, "The system message of the chat")->excludes(raw);
  command->add_option("-m,--max-tokens", o->max_tokens, "Tokens to generate at most")
      ->check(positive());
  command->add_option("--temp", o->sampler.temperature, "Temperature; 0: the likeliest token")
      ->check(not_negative());
  command
      ->add_option("--top-p", o->sampler.top_p,
                   "Sample from the likeliest tokens that make up this share")
      ->check(number_between(0, 1));
  command->add_option("--top-k", o->sampler.top_k, "Sample from this many tokens; 0: all")
      ->check(not_negative());
  command
      ->add_option("--min-p", o->sampler.min_p,
                   "Drop tokens less likely than this share of the likeliest")
      ->check(number_between(0, 1));
  command
      ->add_option("--repetition-penalty", o->sampler.repetition_penalty,
                   "Divides the logits of the last 20 tokens; 1: none, below 1: they are likelier")
      ->check(above_zero());
  command->add_option("--seed", o->sampler.seed, "Of the sampling")->check(seed());
  command->add_option("--stop", o->stop, "End before this text; can be given several times")
      ->allow_extra_args(false)
      ->take_all();
  command->add_flag("--profile", o->profile, "Show at the end where the time went");
  add_threads_option(*command, runtime, "Threads of the CPU kernels");
  add_activations_option(*command, runtime);
  on_run(*command, runtime, [o, &runtime] { run(*o, runtime); });
}

}  // namespace graft::cli
