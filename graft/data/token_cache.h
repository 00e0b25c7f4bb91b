#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "graft/base/front_end.h"
#include "graft/data/dataset.h"
#include "graft/data/source.h"
#include "graft/data/token_file.h"

namespace graft::data {

/// A version of a file. The content's hash decides where the others differ.
struct FileVersion {
  uint64_t size = 0;
  int64_t time = 0;     // of the last change, in ns
  uint64_t number = 0;  // inode
  std::string sha256 = {};

  /// Without the hash; all 0 if the file is not there.
  static FileVersion of(const fs::path& file);
  bool is_same_file(const FileVersion& other) const;
};

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
  struct Note {
    uint64_t checksum = 0;  // of the file of tokens
    std::vector<FileVersion> files;
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
  std::vector<FileVersion> versions_;  // of size 0: there is no such file
};

}  // namespace graft::data
