#include "graft/data/check/spilled_sets.h"

#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "graft/base/error.h"

namespace graft::data::check {

SpilledSets::SpilledSets() : file_(std::tmpfile()) {
  if (!file_) fail("cannot make a temporary file in /tmp: {}", std::strerror(errno));
}

void SpilledSets::push_back(std::span<const uint32_t> set) {
  if (std::fwrite(set.data(), sizeof(uint32_t), set.size(), file_.get()) != set.size()) {
    fail("cannot write a temporary file: {}", std::strerror(errno));
  }
  ends_.push_back((ends_.empty() ? 0 : ends_.back()) + set.size());
}

void SpilledSets::finish() {
  if (std::fflush(file_.get()) != 0) {
    fail("cannot write a temporary file: {}", std::strerror(errno));
  }
}

size_t SpilledSets::size_of(size_t i) const {
  return static_cast<size_t>(ends_[i] - (i == 0 ? 0 : ends_[i - 1]));
}

std::vector<uint32_t> SpilledSets::operator[](size_t i) const {
  std::vector<uint32_t> set(size_of(i));
  auto* to = reinterpret_cast<char*>(set.data());
  const size_t bytes = set.size() * sizeof(uint32_t);
  auto at = static_cast<off_t>((ends_[i] - set.size()) * sizeof(uint32_t));
  for (size_t done = 0; done < bytes;) {
    const ssize_t count = ::pread(::fileno(file_.get()), to + done, bytes - done, at);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) fail("cannot read a temporary file: {}", std::strerror(errno));
    done += static_cast<size_t>(count);
    at += count;
  }
  return set;
}

}  // namespace graft::data::check
