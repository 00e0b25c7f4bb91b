#include "graft/trunk/row_store.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "graft/base/error.h"

namespace graft::trunk {
namespace {

constexpr uint64_t kLeftOnDisk = uint64_t{1} << 30;
// How much is written between two looks at the disk.
constexpr uint64_t kLook = uint64_t{64} << 20;

}  // namespace

RowStore::RowStore(size_t memory, std::unique_ptr<RowFile> file, uint64_t most_bytes,
                   FrontEnd& front_end)
    : memory_(memory), file_(std::move(file)), most_bytes_(most_bytes), front_end_(front_end) {}

bool RowStore::has(const ExampleKey& key) const {
  return kept_.contains(key) || (file_ != nullptr && file_->has(key));
}

bool RowStore::read(const ExampleKey& key, std::span<std::byte> rows) {
  if (const auto kept = kept_.find(key);
      kept != kept_.end() && kept->second.size() == rows.size()) {
    std::copy(kept->second.begin(), kept->second.end(), rows.begin());
    ++found_;
    return true;
  }
  const auto read = file_ == nullptr ? RowFile::Read::absent : file_->read(key, rows);
  if (read == RowFile::Read::damaged && !std::exchange(said_damaged_, true)) {
    front_end_.warn("{} is damaged: what is wrong is computed again", file_->path().string());
  }
  if (read != RowFile::Read::done) {
    ++missed_;
    return false;
  }
  ++found_;
  keep_in_memory(key, rows);
  return true;
}

void RowStore::keep(const ExampleKey& key, std::span<const std::byte> rows) {
  keep_in_memory(key, rows);
  if (file_ != nullptr && writes_) keep_in_file(key, rows);
}

void RowStore::keep_in_memory(const ExampleKey& key, std::span<const std::byte> rows) {
  if (rows.size() > memory_ || kept_.contains(key)) return;
  memory_ -= rows.size();
  kept_.emplace(key, std::vector<std::byte>(rows.begin(), rows.end()));
}

void RowStore::keep_in_file(const ExampleKey& key, std::span<const std::byte> rows) {
  if (!has_room(rows.size())) {
    front_end_.note("{} is as large as it may be: what more there is is computed each time",
                    file_->path().string());
    writes_ = false;
    return;
  }
  try {
    file_->append(key, rows);
  } catch (const Error& error) {
    front_end_.warn("what the lower layers give is kept no further: {}", error.what());
    writes_ = false;
  }
}

bool RowStore::has_room(uint64_t bytes) {
  if (file_->bytes() + bytes > most_bytes_) return false;
  if (room_ < bytes) {
    std::error_code error;
    const auto space = fs::space(file_->path().parent_path(), error);
    if (error || space.available < kLeftOnDisk + bytes) return false;
    room_ = std::min<uint64_t>(space.available - kLeftOnDisk, std::max(kLook, bytes));
  }
  room_ -= bytes;
  return true;
}

}  // namespace graft::trunk
