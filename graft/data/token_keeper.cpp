#include "graft/data/token_keeper.h"

#include <algorithm>
#include <system_error>

#include "graft/base/error.h"

namespace graft::data {
namespace {

// Written at a time, once a set is being moved.
constexpr size_t kMovedBytes = size_t{8} << 20;

}  // namespace

TokenKeeper::TokenKeeper(TokenCache* cache, size_t worth, Dataset& set, FrontEnd& front_end)
    : cache_(cache), worth_(worth), set_(set), front_end_(front_end) {}

void TokenKeeper::look() {
  const size_t most = writer_ ? std::min(worth_, kMovedBytes) : worth_;
  if (cache_ == nullptr || set_.examples.bytes() < most) return;
  try {
    if (!writer_) {
      std::error_code ignored;  // the writer says it
      fs::create_directories(cache_->file().parent_path(), ignored);
      writer_.emplace(cache_->file());
    }
    writer_->append(set_.examples);
  } catch (const Error& error) {
    give_up(error);
  }
}

size_t TokenKeeper::size() const { return (writer_ ? writer_->size() : 0) + set_.examples.size(); }

void TokenKeeper::finish() {
  if (!writer_) return;
  try {
    if (!set_.examples.empty()) writer_->append(set_.examples);
    const bool current = cache_->read_contents(front_end_);
    const uint64_t checksum = writer_->finish(set_);
    writer_.reset();
    if (current) {
      cache_->note(checksum);
    } else {
      cache_->remove();
      front_end_.warn("{} was written to while it was read: its tokens are not kept", set_.name);
    }
  } catch (const Cancelled&) {
    throw;
  } catch (const Error& error) {
    give_up(error);
  }
}

void TokenKeeper::give_up(const Error& why) {
  cache_ = nullptr;
  if (writer_) writer_->take_back(set_.examples);
  writer_.reset();
  front_end_.warn("the tokens of {} are not kept for the next start: {}", set_.name, why.what());
}

}  // namespace graft::data
