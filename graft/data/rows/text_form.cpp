#include "graft/data/rows/text_form.h"

#include <cstring>
#include <utility>

namespace graft::data {
namespace {

constexpr std::string_view kMark = "\xEF\xBB\xBF";
constexpr size_t kMostMarks = 5;  // that are told of

// The place of a character from `from` on, or the size.
size_t next_of(std::string_view bytes, char character, size_t from) {
  const void* place = std::memchr(bytes.data() + from, character, bytes.size() - from);
  if (place == nullptr) return bytes.size();
  return static_cast<size_t>(static_cast<const char*>(place) - bytes.data());
}

class WatchedBytes : public ByteSource {
 public:
  WatchedBytes(std::unique_ptr<ByteSource> source, TextForm& form)
      : source_(std::move(source)), form_(form) {}

  size_t read(char* to, size_t most) override {
    const size_t count = source_->read(to, most);
    form_.add({to, count});
    return count;
  }
  double done() const override { return source_->done(); }

 private:
  std::unique_ptr<ByteSource> source_;
  TextForm& form_;
};

}  // namespace

void TextForm::end_line(int64_t& first) {
  if (first == 0) first = line_;
  ++line_;
  of_mark_ = 0;
}

void TextForm::add(std::string_view bytes) {
  if (bytes.empty()) return;
  has_nul_ = has_nul_ || next_of(bytes, '\0', 0) < bytes.size();
  size_t lf = next_of(bytes, '\n', 0), cr = next_of(bytes, '\r', 0);
  for (size_t at = 0; at < bytes.size();) {
    if (after_cr_) {
      after_cr_ = false;
      const bool two = bytes[at] == '\n';
      end_line(two ? crlf_ : cr_);
      if (two) ++at;
      continue;
    }
    if (of_mark_ < kMark.size()) {
      if (bytes[at] == kMark[of_mark_]) {
        if (++of_mark_ == kMark.size() && marks_.size() < kMostMarks) marks_.push_back(line_);
        ++at;
        continue;
      }
      of_mark_ = kMark.size() + 1;
    }
    if (lf < at) lf = next_of(bytes, '\n', at);
    if (cr < at) cr = next_of(bytes, '\r', at);
    at = lf < cr ? lf : cr;
    if (at == bytes.size()) break;
    if (at == cr) {
      after_cr_ = true;
    } else {
      end_line(lf_);
    }
    ++at;
  }
}

std::unique_ptr<ByteSource> watched(std::unique_ptr<ByteSource> source, TextForm& form) {
  return std::make_unique<WatchedBytes>(std::move(source), form);
}

}  // namespace graft::data
