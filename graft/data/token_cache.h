#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/file_version.h"
#include "graft/base/front_end.h"
#include "graft/data/dataset.h"
#include "graft/data/source.h"
#include "graft/data/token_file.h"

namespace graft::data {

/// The tokens of a split, in a folder of caches: a file of them (token_file.h) and a note beside
/// it, which has the file's checksum and the versions of the data files. Both are named by a hash
/// over all else that decides the tokens: the data files' paths, which of their rows are meant and
/// what is read of them, the encoder's recipe, and graft's version.
class TokenCache {
 public:
  /// Looks at the data files as they are now. `sources` must outlive it.
  TokenCache(const fs::path& folder, const std::vector<Source>& sources, std::string name,
             const Encoder& encoder);

  /// The split, if its tokens are there and the data files are still those that they were made of.
  /// Says so if what is there is damaged. Throws Cancelled.
  std::optional<Dataset> find(FrontEnd& front_end) const;

  /// The file of tokens.
  fs::path file() const { return stem_ + ".tokens"; }
  /// Hashes the contents of the data files, of which tokens have been made. False if the files have
  /// changed since the constructor. Throws Error if one cannot be read; Cancelled.
  bool read_contents(FrontEnd& front_end);
  /// After that: the file of tokens is there, with this checksum. Throws Error.
  void note(uint64_t checksum) const;
  /// Removes what is there, as far as that can be done.
  void remove() const;

 private:
  // A data file as it was read.
  struct Contents {
    FileVersion version = {};
    std::string sha256 = {};
  };
  struct Note {
    uint64_t checksum = 0;  // of the file of tokens
    std::vector<Contents> files;
  };

  Note read_note() const;
  void write_note(const Note& note) const;
  void keep_note(const Note& note) const;
  Dataset read(uint64_t checksum) const;
  bool is_unchanged() const;
  std::string content_hash(size_t file, FrontEnd& front_end) const;
  fs::path note_file() const { return stem_ + ".json"; }

  std::string stem_, name_;
  size_t vocab_size_;
  std::vector<DataFile> files_;
  std::vector<Contents> versions_;  // of size 0: there is no such file
};

}  // namespace graft::data
