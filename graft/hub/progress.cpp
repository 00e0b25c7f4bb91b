#include "graft/hub/progress.h"

#include <algorithm>
#include <vector>

#include "graft/base/terminal.h"

namespace graft::hub {

std::string size_text(uint64_t bytes) {
  const auto value = static_cast<double>(bytes);
  if (value < 1e6) return fmt::format("{:.0f} kB", value < 500 ? 1 : value / 1e3);
  if (value < 1e9) return fmt::format("{:.1f} MB", value / 1e6);
  return fmt::format("{:.2f} GB", value / 1e9);
}

Progress::~Progress() { front_end_.progress({}); }

void Progress::begin(const std::string& name, uint64_t size, std::function<uint64_t()> done) {
  const std::lock_guard lock(mutex_);
  at_first_ += done();  // of an earlier try: it says nothing of the speed
  active_.insert_or_assign(name, Moving{size, std::move(done)});
}

void Progress::end(const std::string& name, bool arrived) {
  const std::lock_guard lock(mutex_);
  const auto found = active_.find(name);
  if (found == active_.end()) return;
  const uint64_t size = found->second.size;
  active_.erase(found);
  if (!arrived) return;
  finished_ += size;
  if (quiet_) return;
  front_end_.note("  {}  {}", name, size_text(size));
}

void Progress::tick() {
  const std::lock_guard lock(mutex_);
  const auto now = Clock::now();
  if (quiet_ || now - told_ < std::chrono::milliseconds(100)) return;
  told_ = now;
  tell();
}

void Progress::say(const std::string& text) {
  const std::lock_guard lock(mutex_);
  front_end_.note_line(text);
}

void Progress::tell() {
  const auto share = [](uint64_t done, uint64_t size) {
    return size > 0 ? static_cast<double>(done) / static_cast<double>(size) : 1;
  };
  uint64_t done = finished_;
  std::vector<ProgressLine> lines;
  for (const auto& [name, file] : active_) {
    const uint64_t own = file.done();
    done += own;
    if (own == 0 || file.size == 0 || active_.size() < 2) continue;
    lines.push_back({share(own, file.size), {fmt::format("{:3}%", 100 * own / file.size), name}});
  }
  const double seconds = std::chrono::duration<double>(told_ - start_).count();
  const double speed =
      seconds > 0 && done > at_first_ ? static_cast<double>(done - at_first_) / seconds : 0;
  std::vector<std::string> fields = {size_text(done) + " of " + size_text(total_)};
  if (speed > 0) {
    fields.push_back(size_text(static_cast<uint64_t>(speed)) + "/s");
    fields.push_back(duration_text(static_cast<double>(total_ - std::min(total_, done)) / speed) +
                     " left");
  }
  if (active_.size() == 1) fields.push_back(active_.begin()->first);
  lines.push_back({share(done, total_), std::move(fields)});
  front_end_.progress(lines);
}

}  // namespace graft::hub
