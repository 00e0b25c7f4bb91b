#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "graft/engine/fine_tune.h"

namespace graft::cli {

/// The options of `graft lora`.
struct LoraOptions {
  std::string model = "mlx_model";
  bool train = false, test = false;
  std::optional<std::string> prompt;
  std::string data = "data/";
  std::optional<std::string> adapter_file;  // to write or to use
  std::optional<std::string> resume;        // a checkpoint; empty: the adapter's newest
  int add_eos_token = 1;
  engine::FineTuneOptions tune;
  bool tensorboard = false;
  int test_batches = 500;
  int max_tokens = 100;
  float temp = 0.8f;
};

void add_lora_options(CLI::App& command, LoraOptions& o);

/// With --resume: finds the checkpoint, and takes from it what the command line does not give.
void resume_lora_options(CLI::App& command, LoraOptions& o, FrontEnd& front_end);

/// Completes options that depend on each other. Throws UsageError for contradictions, Error if the
/// adapter cannot be written.
void finish_lora_options(LoraOptions& o, FrontEnd& front_end);

}  // namespace graft::cli
