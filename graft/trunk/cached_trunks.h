#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/hub/cached_files.h"
#include "graft/hub/environment.h"

namespace graft::trunk {

/// What decides the rows that are kept of a model's lower layers, as a file of them says it.
struct TrunkIdentity {
  std::string model = {};     // its name, for people; decides nothing
  std::string contents = {};  // a hash over its config and weights
  int layers = 0;
  int width = 0;
  std::string dtype = {};
  int bits = 0;                   // of a number that is kept; 0: as it is
  std::string instructions = {};  // the instruction set, and how products are made

  std::string texts = {};  // of a fill that is under way: a hash over all its texts

  /// As JSON, with this build's forward pass, without the model's name.
  std::string text() const;
  /// The name of its file.
  std::string file_name() const;
};

/// The folder of such files where the user names none, beside the Hub's cache.
fs::path trunk_folder(const hub::Environment& environment);

/// Makes the folder, for its owner alone. Throws Error if that cannot be done, or others may write
/// to it.
void make_trunk_folder(const fs::path& folder);

/// All in a folder, sorted by name.
std::vector<hub::CachedFiles> cached_trunks(const fs::path& folder);

/// Says beside a file of rows which model it is of. No error if that cannot be written.
void note_model(const fs::path& file, const std::string& model);

/// Removes those that were not used for the longest time, but not `kept`, until all together, with
/// `more` to come, take no more than `most` bytes.
void make_room(const fs::path& folder, const fs::path& kept, uint64_t more, uint64_t most);

}  // namespace graft::trunk
