#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "graft/data/dataset.h"
#include "graft/engine/loaded_model.h"
#include "graft/models/parameters.h"
#include "graft/training/train_options.h"
#include "graft/trunk/frozen_trunk.h"

namespace graft::engine {

/// How what the layers below everything that is trained give for an example is kept.
struct TrunkOptions {
  std::string cache = "auto";         // "auto", "off", or a folder
  std::optional<size_t> memory = {};  // bytes of it in memory at most [an eighth of what is free]
  int sharers = 1;                    // processes on this host, which share what is free
  uint64_t most = 20'000'000'000;     // bytes of all files in the folder
  int bits = 0;                       // of a number that is kept: 8, or 0, as it is
  // Of the whole process: what the layers give is computed before the first step, by groups of
  // them.
  std::optional<size_t> limit = {};
  fs::path folder = {};  // of "auto"; empty: it is kept in memory alone
  fs::path hashes = {};  // hub::ContentHashes' note

  /// "auto"'s, or the one that was named; empty: none.
  fs::path folder_in_use() const { return cache == "auto" ? folder : fs::path(cache); }
};

/// The folder of "auto" and the note of hashes, beside the Hub's cache.
void find_places(TrunkOptions& options, const Runtime& runtime);

/// A training, as far as it decides whether its trunk is kept.
struct TrunkSubject {
  LoadedModel& loaded;
  const models::ParameterSet& parameters;
  const training::TrainOptions& train;  // with the iterations of the run
  const data::Dataset &train_set, &valid_set;
};

/// What is worth keeping of a training.
struct TrunkChoice {
  int layers = 0;            // 0: nothing
  double first_steps = 0;    // until each example was seen once
  uint64_t row_bytes = 0;    // of a token
  uint64_t bytes = 0;        // of all examples
  size_t memory = 0;         // bytes of it in memory at most
  std::string why_not = {};  // if there are layers below, and they are not kept
};

/// Whether a training's trunk is kept: if it has one, passes examples more than once, and there is
/// room; with a folder that was named or a limit of memory, whatever the passes. Throws UsageError
/// for a number of bits that there is not, and for a limit where it cannot be kept to.
TrunkChoice choose_trunk(const TrunkSubject& subject, const TrunkOptions& options);

/// The trunk of a training, with what is kept of it.
class KeptTrunk {
 public:
  /// Says where it is kept. What the folder refuses is a warning: it is kept in memory then; with a
  /// limit, an Error. The subject must outlive it. Throws Cancelled.
  KeptTrunk(const TrunkSubject& subject, const TrunkChoice& choice, const TrunkOptions& options,
            FrontEnd& front_end);

  const models::Trunk& trunk() const { return *trunk_; }

 private:
  std::unique_ptr<trunk::RowStore> store_;
  std::unique_ptr<trunk::FrozenTrunk> trunk_;
};

}  // namespace graft::engine
