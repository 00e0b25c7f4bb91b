#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "graft/data/rows/byte_source.h"

namespace graft::data {

/// What is to be known of a text file beside its rows: byte order marks, and how its lines end. It
/// is found in the bytes as they are read.
class TextForm {
 public:
  /// The next bytes of the file, unpacked.
  void add(std::string_view bytes);

  /// The lines, from 1, that begin with a byte order mark: the first ones.
  const std::vector<int64_t>& marks() const { return marks_; }
  /// The first line that ends so; 0: none does. A CR that ends the file is not counted.
  int64_t first_lf() const { return lf_; }
  int64_t first_crlf() const { return crlf_; }
  int64_t first_cr() const { return cr_; }
  /// UTF-16, or no text.
  bool has_nul() const { return has_nul_; }

 private:
  void end_line(int64_t& first);

  std::vector<int64_t> marks_;
  int64_t line_ = 1, lf_ = 0, crlf_ = 0, cr_ = 0;
  size_t of_mark_ = 0;     // bytes of a mark that the line begins with; beyond its size: none
  bool after_cr_ = false;  // the last byte
  bool has_nul_ = false;
};

/// The source, whose bytes `form`, which has to live as long, sees as they are read.
std::unique_ptr<ByteSource> watched(std::unique_ptr<ByteSource> source, TextForm& form);

}  // namespace graft::data
