#include "cli/data_options.h"

#include "cli/number_checks.h"
#include "graft/base/error.h"
#include "graft/data/option_names.h"

namespace graft::cli {

void add_key_options(CLI::App& command, data::RowKeys& keys) {
  command.add_option("--text-key", keys.text, "Where a record has its text [text]");
  command.add_option("--prompt-key", keys.prompt, "Where it has a prompt [prompt]");
  command.add_option("--completion-key", keys.completion,
                     "Where it has the completion [completion]");
  command.add_option("--messages-key", keys.messages,
                     "Where it has the messages of a chat [messages]");
}

void add_data_options(CLI::App& command, engine::DataOptions& data) {
  command
      .add_option("--data", data.names,
                  "A folder with train, valid and test.jsonl (or .json, .csv, .tsv, .parquet, also "
                  ".gz and .zst), a file of these, or a data set's name on the Hub; can be given "
                  "several times, with shares as in --data a:0.7 --data b:0.3")
      ->allow_extra_args(false)
      ->take_all();
  command
      .add_option("--valid-split", data.valid_split,
                  "Validate on this share of the training set, chosen by a hash of the records, "
                  "and train on the rest [0]")
      ->check(number_between(0, 0.99));
  add_key_options(command, data.keys);
}

void add_render_options(CLI::App& command, data::RenderOptions& render) {
  CLI::Option* train_on =
      command
          .add_option_function<std::string>(
              "--train-on",
              [&](const std::string& name) { render.train_on = data::train_on_named(name); },
              "What carries loss: all, completion (what follows the prompt; in a chat its last "
              "turn), assistant (what assistants say), last (the last answer) [completions of "
              "pairs, assistants of chats, all of texts]")
          ->check(CLI::IsMember(data::train_on_names()));
  command
      .add_flag_function(
          "--mask-prompt",
          [&](int64_t on) {
            if (on > 0) render.train_on = tokenizer::TrainOn::completion;
          },
          "The same as --train-on completion, by mlx-lm's name")
      ->excludes(train_on);
  command.add_flag("--raw-pairs", render.raw_pairs,
                   "Train on prompt and completion as they are, without the chat template");
  command
      .add_option("--max-seq-length", render.max_seq_length,
                  "Tokens of an example; see --overlong for what is longer")
      ->check(CLI::Range(2, 1 << 24));
  command
      .add_option_function<std::string>(
          "--overlong",
          [&](const std::string& name) { render.overlong = data::overlong_named(name); },
          "What is done with a longer one: truncate, drop, split, error [truncate]")
      ->check(CLI::IsMember(data::overlong_names()));
  command
      .add_option("--overlap", render.overlap,
                  "Tokens that the parts of a split example have in common; they carry loss once")
      ->check(CLI::Range(0, 1 << 24));
  command
      .add_option_function<int>(
          "--add-eos-token", [&](int add) { render.add_eos = add != 0; },
          "1: end texts with the tokenizer's EOS token; 0: leave them as they are; a chat template "
          "ends its turns itself [1]")
      ->check(CLI::Range(0, 1));
  render.add_eos = true;
}

void check_data_options(const engine::DataOptions& data, const data::RenderOptions& render) {
  if (render.overlap > 0 && render.overlong != data::Overlong::split) {
    fail_usage("`overlap` is of `overlong` split alone");
  }
  if (data.keys.messages && (data.keys.prompt || data.keys.completion || data.keys.text)) {
    fail_usage("`messages_key` says that the records are chats: they have no other key");
  }
  if (data.keys.text && (data.keys.prompt || data.keys.completion)) {
    fail_usage(
        "`text_key` says that the records are texts: they have neither prompt nor completion");
  }
}

ordered_json recorded_options(const engine::DataOptions& data) {
  ordered_json options;
  options["data"] = data.names.size() == 1 ? ordered_json(data.names[0]) : ordered_json(data.names);
  if (data.valid_split > 0) options["valid_split"] = data.valid_split;
  const auto add = [&](const char* name, const std::optional<std::string>& key) {
    if (key) options[name] = *key;
  };
  add("text_key", data.keys.text);
  add("prompt_key", data.keys.prompt);
  add("completion_key", data.keys.completion);
  add("messages_key", data.keys.messages);
  return options;
}

}  // namespace graft::cli
