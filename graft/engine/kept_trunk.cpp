#include "graft/engine/kept_trunk.h"

#include <fmt/format.h>

#include <algorithm>
#include <system_error>
#include <utility>
#include <vector>

#include "graft/base/error.h"
#include "graft/base/machine.h"
#include "graft/data/sampler.h"
#include "graft/engine/memory_limit.h"
#include "graft/hub/content_hashes.h"
#include "graft/hub/hash.h"
#include "graft/hub/progress.h"
#include "graft/io/tensor_info.h"
#include "graft/ops/backend.h"
#include "graft/trunk/cached_trunks.h"

namespace graft::engine {
namespace {

constexpr size_t kShareOfFree = 8;

size_t memory_for(const TrunkOptions& options) {
  if (options.memory) return *options.memory;
  const MachineMemory machine = machine_memory();
  return std::min(machine.available.value_or(machine.total), usable_memory().bytes) /
         (kShareOfFree * static_cast<size_t>(options.sharers));
}

// Steps until each example has come once.
double steps_of_a_pass(const TrunkSubject& subject) {
  const training::TrainOptions& train = subject.train;
  const auto batches = static_cast<double>(
      data::Sampler::batches_in(subject.train_set, training::batch_options(train), train.seed, 1));
  return batches / train.batches_a_step;
}

uint64_t tokens_of(const data::Dataset& set) {
  return static_cast<uint64_t>(set.examples.totals().tokens);
}

// A hash over config and weights: those that were opened.
std::string contents_of(const LoadedModel& loaded, const TrunkOptions& options,
                        FrontEnd& front_end) {
  hub::ContentHashes hashes(options.hashes);
  std::string all = loaded.folder.config().dump();
  const fs::path index = loaded.folder.path() / io::kWeightsIndex;
  if (is_there(index)) all += read_text(index);
  for (const auto& [path, file] : loaded.folder.files()) {
    all += " " + path.filename().string() + " " + hashes.sha256(path, front_end);
    if (!file->is_at_its_path()) fail("{} was replaced since it was opened", path.string());
  }
  return hub::sha256(all);
}

std::string instructions() {
  const ops::CpuKernels kernels = ops::cpu_kernels();
  const bool int8 = ops::activations_in_use() == ops::Activations::int8 && ops::has_int8_products();
  return kernels.isa + (kernels.multiplies_bf16 ? ", bf16" : "") + (int8 ? ", int8" : "");
}

// Lets the pages of the layers' weights go; they are read again if they are wanted.
trunk::FrozenTrunk::Release release_of(LoadedModel& loaded, int layers) {
  return [pages = trunk::LayerPages(*loaded.model, loaded.folder), layers] {
    pages.release(0, layers);
  };
}

trunk::TrunkIdentity identity_of(const TrunkSubject& subject, int layers,
                                 const trunk::RowForm& form, const TrunkOptions& options,
                                 FrontEnd& front_end) {
  return {.model = subject.train.identity.config.value("model", std::string()),
          .contents = contents_of(subject.loaded, options, front_end),
          .layers = layers,
          .width = form.width(),
          .dtype = std::string(io::dtype_name(form.dtype())),
          .bits = form.bits(),
          .instructions = instructions()};
}

// The tokens of an example that are inputs.
std::span<const int32_t> inputs_of(const data::Dataset& set, size_t example) {
  const auto ids = set.examples[example].ids;
  return ids.first(ids.size() - 1);
}

// The examples that a training's steps and validations will see.
std::vector<std::span<const int32_t>> examples_of(const TrunkSubject& subject) {
  const training::TrainOptions& train = subject.train;
  std::vector<std::span<const int32_t>> examples;
  std::vector<bool> taken(subject.train_set.examples.size());
  size_t count = 0;
  data::Sampler sampler(subject.train_set, training::batch_options(train), train.seed);
  for (int step = 0; step < train.iters && count < taken.size(); ++step) {
    for (const auto& batch : sampler.next_places()) {
      for (const size_t example : batch) {
        if (taken[example]) continue;
        taken[example] = true;
        ++count;
        examples.push_back(inputs_of(subject.train_set, example));
      }
    }
  }
  size_t valid = subject.valid_set.examples.size();
  if (train.val_batches >= 0) {
    valid = std::min(
        valid, static_cast<size_t>(train.val_batches) * static_cast<size_t>(train.batch_size));
  }
  for (size_t i = 0; i < valid; ++i) examples.push_back(inputs_of(subject.valid_set, i));
  return examples;
}

// What of this training is not in the file.
uint64_t missing_bytes(const TrunkSubject& subject, const TrunkChoice& choice,
                       const trunk::RowFile& file) {
  uint64_t bytes = 0;
  for (const auto ids : examples_of(subject)) {
    if (!file.has(trunk::key_of(ids))) bytes += ids.size() * choice.row_bytes;
  }
  return bytes;
}

void check_room(const fs::path& folder, uint64_t bytes) {
  std::error_code error;
  const auto space = fs::space(folder, error);
  if (!error && space.available < bytes) {
    fail("what the layers give takes {} in {}, where {} are free", hub::size_text(bytes),
         folder.string(), hub::size_text(space.available));
  }
}

std::unique_ptr<trunk::RowFile> open_file(const TrunkSubject& subject, const TrunkChoice& choice,
                                          const trunk::RowForm& form, const TrunkOptions& options,
                                          FrontEnd& front_end) {
  const fs::path folder = options.folder_in_use();
  if (folder.empty()) {
    if (options.limit) fail_usage("`memory` needs a folder for what the layers give");
    return nullptr;
  }
  try {
    const auto identity = identity_of(subject, choice.layers, form, options, front_end);
    trunk::make_trunk_folder(folder);
    const fs::path path = folder / identity.file_name();
    if (options.limit) {
      check_room(folder, 2 * choice.bytes);  // of two groups of layers
      fill_within(subject.loaded, form, identity, folder, examples_of(subject), *options.limit,
                  front_end);
    }
    auto file = std::make_unique<trunk::RowFile>(path, identity.text());
    const uint64_t more = missing_bytes(subject, choice, *file);
    if (file->bytes() + more > options.most && more > 0 && !options.limit) {
      // It is full of what other data sets gave.
      file.reset();
      std::error_code error;
      fs::remove(path, error);
      if (error) fail("cannot remove {}: {}", path.string(), error.message());
      file = std::make_unique<trunk::RowFile>(path, identity.text());
    }
    trunk::note_model(path, identity.model);
    trunk::make_room(folder, path, more, options.most);
    return file;
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    if (options.limit) throw;
    front_end.warn("what the lower layers give is kept in memory alone: {}", error.what());
    return nullptr;
  }
}

}  // namespace

void find_places(TrunkOptions& options, const Runtime& runtime) {
  options.folder = trunk::trunk_folder(runtime.hub());
  options.hashes = runtime.hub().notes / "content_hashes.json";
}

TrunkChoice choose_trunk(const TrunkSubject& subject, const TrunkOptions& options) {
  TrunkChoice choice;
  const int all = subject.loaded.model->num_layers();
  const int layers = std::max(0, subject.parameters.first_layer(all));
  if (options.limit && !ops::use_cpu_kernels()) {
    fail_usage(
        "`memory` is of graft's kernels: MLX's operations read weights as they like; none is "
        "without a limit");
  }
  if (options.bits != 0 && options.cache == "off") {
    fail_usage("`trunk_bits` is of what is kept, which is nothing with `trunk_cache` off");
  }
  if (options.cache == "off" || layers == 0) return choice;
  const trunk::RowForm form = trunk::form_of(*subject.loaded.model, options.bits);
  choice.first_steps = steps_of_a_pass(subject);
  choice.row_bytes = form.row_bytes();
  choice.bytes = choice.row_bytes * (tokens_of(subject.train_set) + tokens_of(subject.valid_set));
  const size_t memory = options.limit ? options.memory.value_or(0) : memory_for(options);
  choice.memory = static_cast<size_t>(std::min<uint64_t>(memory, choice.bytes));
  if (!ops::use_cpu_kernels()) {
    choice.why_not = "with MLX's operations a token's numbers depend on its batch";
  } else if (!trunk::rows_are_independent(*subject.loaded.model, layers)) {
    choice.why_not = "in a mixture of experts a token's numbers depend on its batch";
  }
  if (!choice.why_not.empty()) {
    if (options.bits != 0) fail_usage("`trunk_bits`: {}", choice.why_not);
    return choice;
  }
  if (options.limit || options.bits != 0) {
    choice.layers = layers;
    return choice;
  }
  if (options.cache == "auto" && subject.train.iters <= choice.first_steps) return choice;
  if (options.cache == "auto") {
    std::error_code error;
    fs::path there = options.folder;
    while (!there.empty() && !is_there(there) && there.has_relative_path()) {
      there = there.parent_path();
    }
    const auto space = fs::space(there, error);
    const uint64_t disk = options.folder.empty() || error ? 0 : space.available;
    const uint64_t room = std::max<uint64_t>(memory_for(options), std::min(disk, options.most));
    if (choice.bytes > room) {
      choice.why_not = fmt::format("it would be {}, and there is room for {}",
                                   hub::size_text(choice.bytes), hub::size_text(room));
      return choice;
    }
  }
  choice.layers = layers;
  return choice;
}

KeptTrunk::KeptTrunk(const TrunkSubject& subject, const TrunkChoice& choice,
                     const TrunkOptions& options, FrontEnd& front_end) {
  const trunk::RowForm form = trunk::form_of(*subject.loaded.model, options.bits);
  auto file = open_file(subject, choice, form, options, front_end);
  const std::string where = file ? file->path().parent_path().string() : "memory";
  const std::string there =
      file && file->size() > 0 ? fmt::format("; {} are there", hub::size_text(file->bytes())) : "";
  front_end.note("Layers 0 to {} run once for each example: what they give, {}, is kept in {}{}",
                 choice.layers - 1, hub::size_text(choice.bytes), where, there);
  store_ =
      std::make_unique<trunk::RowStore>(choice.memory, std::move(file), options.most, front_end);
  trunk_ = std::make_unique<trunk::FrozenTrunk>(*subject.loaded.model, choice.layers, form, *store_,
                                                release_of(subject.loaded, choice.layers));
}

}  // namespace graft::engine
