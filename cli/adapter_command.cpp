#include <fmt/format.h>
#include <fmt/ranges.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "cli/adapter_option.h"
#include "cli/commands.h"
#include "cli/named.h"
#include "cli/number_checks.h"
#include "cli/output.h"
#include "cli/upload.h"
#include "graft/base/error.h"
#include "graft/engine/loaded_model.h"
#include "graft/engine/named_model.h"
#include "graft/lora/adapter_path.h"
#include "graft/lora/difference.h"
#include "graft/lora/gguf_order.h"
#include "graft/lora/layer_key.h"
#include "graft/lora/layer_pairs.h"
#include "graft/lora/merge.h"

namespace graft::cli {
namespace {

// What `info` says of an adapter, and the line of what was written.
struct Facts {
  explicit Facts(const lora::AdapterFile& file) {
    for (const auto& [layer, pair] : lora::layer_pairs(file)) {
      ++layers;
      ranks.insert(pair.rank());
      if (file.settings) scales.insert(file.scale_of(layer));
      keys.insert(lora::key_of(layer));
      if (const auto number = lora::layer_of(layer)) blocks.insert(*number);
      for (const lora::AdapterTensor* tensor : {pair.a, pair.b, pair.m}) {
        if (tensor == nullptr) continue;
        uint64_t count = 1;
        for (const int size : tensor->shape) count *= static_cast<uint64_t>(size);
        parameters += count;
      }
    }
    for (const auto& [name, tensor] : file.weights) {
      uint64_t count = 1;
      for (const int size : tensor.shape) count *= static_cast<uint64_t>(size);
      parameters += count;
      trained += count;
      const std::string module = name.substr(0, name.rfind('.'));
      weights.insert(lora::key_of(module));
      if (const auto number = lora::layer_of(module)) blocks.insert(*number);
    }
  }

  size_t layers = 0;
  std::set<int> ranks, blocks;
  std::set<float> scales;
  std::set<std::string> keys, weights;  // adapted, and trained as they are
  uint64_t parameters = 0, trained = 0;
};

// "8", or "4 to 16".
template <class Number>
std::string range_text(const std::set<Number>& numbers) {
  if (numbers.empty()) return "not known";
  if (numbers.size() == 1) return fmt::format("{}", *numbers.begin());
  return fmt::format("{} to {}", *numbers.begin(), *numbers.rbegin());
}

std::string format_text(const lora::AdapterFile& file) {
  return std::string(lora::format_of(file.path).name);
}

std::string type_text(const lora::AdapterFile& file) {
  return lora::name_of(lora::is_dora(file) ? lora::FineTuneType::dora : lora::FineTuneType::lora);
}

ordered_json info_json(const lora::AdapterFile& file) {
  const Facts facts(file);
  ordered_json all = {{"file", file.path.string()},
                      {"format", format_text(file)},
                      {"fine_tune_type", type_text(file)},
                      {"layers", facts.layers},
                      {"parameters", facts.parameters},
                      {"ranks", facts.ranks},
                      {"scales", facts.scales},
                      {"keys", facts.keys},
                      {"blocks", facts.blocks},
                      {"base_fingerprint", nullptr},
                      {"base_model", nullptr}};
  if (!file.base_fingerprint.empty()) all["base_fingerprint"] = file.base_fingerprint;
  if (file.provenance.origin) all["base_model"] = file.provenance.origin->repository;
  if (file.settings) all["dropout"] = file.settings->dropout;
  if (!file.weights.empty()) {
    all["fine_tune_type"] = lora::name_of(file.settings.value().type);
    all["trained_weights"] = facts.weights;
    all["trained_parameters"] = facts.trained;
  }
  if (!file.config.empty()) all["config"] = file.config;
  return all;
}

void print_info(const lora::AdapterFile& file) {
  const Facts facts(file);
  print_out("{} ({})\n", file.path.string(), format_text(file));
  const auto line = [](const char* name, const std::string& value) {
    print_out("  {:<11} {}\n", name, value);
  };
  if (file.provenance.origin) {
    line("base model", name_in_command(file.provenance.origin));
  } else {
    line("base model",
         file.base_fingerprint.empty() ? "not known" : "fingerprint " + file.base_fingerprint);
  }
  if (!file.weights.empty()) {
    line("trained", fmt::format("{} weights, {} parameters, in {} of the model's blocks ({})",
                                file.weights.size(), facts.trained, facts.blocks.size(),
                                range_text(facts.blocks)));
    line("weights", fmt::format("{}", fmt::join(facts.weights, ", ")));
  }
  if (facts.layers > 0) {
    line("type", lora::is_dora(file) ? "DoRA" : "LoRA");
    line("layers", facts.blocks.empty()
                       ? fmt::format("{}, outside of the model's blocks", facts.layers)
                       : fmt::format("{}, in {} of the model's blocks ({})", facts.layers,
                                     facts.blocks.size(), range_text(facts.blocks)));
    line("keys", fmt::format("{}", fmt::join(facts.keys, ", ")));
    line("rank", range_text(facts.ranks));
    line("scale", range_text(facts.scales));
  }
  line("parameters", fmt::format("{}", facts.parameters));
  for (const io::HistoryEntry& step : file.provenance.steps) {
    std::string facts_text;
    for (const auto& [name, value] : step.facts) {
      facts_text += fmt::format("{}{} {}", facts_text.empty() ? "; " : ", ", name, value);
    }
    line("made by", step.command + facts_text);
  }
}

struct InfoCommand {
  std::string adapter;
  bool json = false;
};

struct WriteCommand {
  std::vector<std::string> adapters;
  std::string to;
  std::optional<std::string> format, base_model, model;
  std::optional<int> rank;
};

void write(const WriteCommand& o, const engine::Runtime& runtime) {
  const fs::path path = lora::adapter_to_write(o.to, o.format);
  lora::check_adapter_path(path);
  lora::AdapterFile file = lora::merged(named_adapters(runtime, o.adapters));
  double lost = 0;
  if (o.rank) {
    lora::Truncated cut = lora::truncated(file, *o.rank);
    file = std::move(cut.file);
    lost = cut.lost;
  }
  if (o.model) {
    const fs::path folder = engine::named_config(runtime, *o.model);
    const auto base = lora::BaseShape::of(engine::open_to_plan(folder));
    file = lora::in_own_order(file, base.head_dim);
    file.base = base;
    if (base.model_type == "mixtral") file = lora::with_mixtral_names(file);
    if (!file.provenance.origin) file.provenance.origin = engine::provenance_of(folder).origin;
  }
  if (o.base_model) file.provenance.origin = named_origin(o.base_model);
  file.path = path;
  // The folder of a layout is made; one in the path of a file is not.
  std::error_code error;
  const bool is_new = path != without_trailing_slash(o.to) && !is_there(path.parent_path());
  if (is_new) fs::create_directory(path.parent_path(), error);
  try {
    lora::write_adapter_file(file);
  } catch (...) {
    if (is_new) fs::remove(path.parent_path(), error);  // unless there is anything in it
    throw;
  }
  file = lora::read_adapter_file(path);
  const Facts facts(file);
  print_out("Wrote {} ({}): {} layers of rank {}, {} parameters\n", path.string(),
            format_text(file), facts.layers, range_text(facts.ranks), facts.parameters);
  if (o.rank) {
    print_out("Cut to rank {}: of the update of the layer that loses most, {:.1f}% is lost\n",
              *o.rank, 100 * lost);
  }
}

void add_target_options(CLI::App& command, WriteCommand& o) {
  command.add_option(
      "--format", o.format,
      fmt::format("Layout to write: {} [by the path; mlx-lm for a folder]", lora::known_formats()));
  command.add_option("--model", o.model,
                     "The model that it is of, where GGUF is read or written and the adapter does "
                     "not say it: a folder, or its name on the Hub");
  command.add_option("--base-model", o.base_model,
                     "The base model's name on the Hub, for PEFT's config [what the adapter says]");
}

void add_convert(CLI::App& group, engine::Runtime& runtime) {
  auto o = std::make_shared<WriteCommand>();
  CLI::App* command = group.add_subcommand("convert", "Write an adapter in another layout");
  command->option_defaults()->always_capture_default()->take_last();
  auto adapter = std::make_shared<std::string>();
  command
      ->add_option("adapter", *adapter,
                   "The adapter: a file, a folder that holds it, or its name on the Hub")
      ->required()
      ->type_name("ADAPTER");
  command->add_option("to", o->to, "The file or folder to write")->required()->type_name("TO");
  add_target_options(*command, *o);
  on_run(*command, runtime, [o, adapter, &runtime] {
    o->adapters = {*adapter};
    write(*o, runtime);
  });
}

void add_merge(CLI::App& group, engine::Runtime& runtime) {
  auto o = std::make_shared<WriteCommand>();
  CLI::App* command = group.add_subcommand(
      "merge", "Write the weighted sum of adapters of one model, as one adapter");
  command->option_defaults()->always_capture_default()->take_last();
  command
      ->add_option("adapters", o->adapters,
                   "The adapters, each with its weight if that is not 1: a.npz:0.5")
      ->required()
      ->take_all()
      ->type_name("ADAPTER[:WEIGHT]");
  command->add_option("-o,--output", o->to, "The file or folder to write")->required();
  command
      ->add_option("--rank", o->rank,
                   "The rank of the result: the nearest of that rank [the sum of all ranks, "
                   "which is exact]")
      ->check(positive());
  add_target_options(*command, *o);
  on_run(*command, runtime, [o, &runtime] { write(*o, runtime); });
}

void add_info(CLI::App& group, engine::Runtime& runtime) {
  auto o = std::make_shared<InfoCommand>();
  CLI::App* command = group.add_subcommand("info", "Tell what an adapter is");
  command->option_defaults()->always_capture_default()->take_last();
  command
      ->add_option("adapter", o->adapter, "A file, a folder that holds it, or its name on the Hub")
      ->required()
      ->type_name("ADAPTER");
  command->add_flag("--json", o->json, "Print it as JSON");
  on_run(*command, runtime, [o, &runtime] {
    const lora::AdapterFile file = lora::read_adapter_file(adapter_path(runtime, o->adapter));
    if (o->json) {
      print_json(info_json(file));
    } else {
      print_info(file);
    }
  });
}

struct DiffCommand {
  std::string one, other;
  bool json = false;
};

void diff(const DiffCommand& o, const engine::Runtime& runtime) {
  const lora::AdapterFile one = lora::read_adapter_file(adapter_path(runtime, o.one));
  const lora::AdapterFile other = lora::read_adapter_file(adapter_path(runtime, o.other));
  const lora::Difference difference = lora::difference(one, other);
  if (o.json) {
    ordered_json layers = ordered_json::array();
    for (const lora::LayerDifference& layer : difference.layers) {
      layers.push_back({{"layer", layer.layer},
                        {"norm_a", layer.one},
                        {"norm_b", layer.other},
                        {"norm_of_difference", layer.between},
                        {"cosine", layer.cosine()}});
    }
    print_json({{"same", difference.same},
                {"norm_a", difference.one},
                {"norm_b", difference.other},
                {"norm_of_difference", difference.between},
                {"difference_of_magnitudes", difference.magnitudes},
                {"layers", layers}});
    return;
  }
  if (difference.same) return print_out("The two are the same: their updates are equal\n");
  print_out("Norms of the updates of all layers: {:.4g} and {:.4g}; of their difference {:.4g}\n",
            difference.one, difference.other, difference.between);
  if (difference.magnitudes > 0) {
    print_out("Magnitudes (DoRA): they differ by {:.4g} of their norm\n", difference.magnitudes);
  }
  print_out("{:<46} {:>9} {:>9} {:>9} {:>7}\n", "layer", "A", "B", "A - B", "cosine");
  for (const lora::LayerDifference& layer : difference.layers) {
    print_out("{:<46} {:>9.4g} {:>9.4g} {:>9.4g} {:>7.3f}\n", layer.layer, layer.one, layer.other,
              layer.between, layer.cosine());
  }
}

void add_diff(CLI::App& group, engine::Runtime& runtime) {
  auto o = std::make_shared<DiffCommand>();
  CLI::App* command =
      group.add_subcommand("diff", "Tell how far apart what two adapters do to a model is");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("a", o->one, "An adapter")->required()->type_name("A");
  command->add_option("b", o->other, "Another one")->required()->type_name("B");
  command->add_flag("--json", o->json, "Print it as JSON");
  on_run(*command, runtime, [o, &runtime] { diff(*o, runtime); });
}

}  // namespace

void add_adapter_command(CLI::App& app, engine::Runtime& runtime) {
  CLI::App* group = app.add_subcommand(
      "adapter", "Write an adapter in the layout of other programs, merge, compare");
  group->require_subcommand(1);
  add_convert(*group, runtime);
  add_info(*group, runtime);
  add_merge(*group, runtime);
  add_diff(*group, runtime);
}

}  // namespace graft::cli
