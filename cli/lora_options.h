#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "graft/engine/fine_tune.h"
#include "graft/engine/named_data.h"
#include "graft/engine/samples.h"

namespace graft::cli {

/// The options of `graft lora`.
struct LoraOptions {
  std::string model = "mlx_model";
  bool train = false, test = false, find_lr = false;
  std::string repeated;  // what the command line gives besides --find-lr and the rate
  std::optional<std::string> prompt;
  engine::DataOptions data;
  std::optional<std::string> config;        // a file with more options
  bool only_planned = false;                // nothing is written
  std::optional<std::string> adapter_file;  // to write or to use
  std::optional<std::string> format;        // of the adapter that is written
  std::optional<std::string> adapter_path;  // its folder, as mlx-lm has it
  std::optional<std::string> resume;        // a checkpoint; empty: the adapter's newest
  bool pack = false;
  int64_t batch_tokens = 0;  // 0: max_seq_length
  engine::FineTuneOptions tune;
  engine::SampleOptions samples;  // of a training
  bool tensorboard = false;
  // The command that goes on with a training that is interrupted; empty: this one's --resume.
  std::string go_on_command;
  bool force = false;  // start although it does not fit into memory
  int test_batches = 500;
  int max_tokens = 100;
  float temp = 0.8f;
};

void add_lora_options(CLI::App& command, LoraOptions& o);

/// Completes what the command line gives: from the --config, then from the checkpoint of --resume,
/// then options that follow from others. Throws UsageError for contradictions, Error if the adapter
/// cannot be written.
void complete_lora_options(CLI::App& command, LoraOptions& o, FrontEnd& front_end);

/// What the record tells of a training besides its options.
ordered_json named_options(const LoraOptions& o);

}  // namespace graft::cli
