#include "graft/training/bad_batches.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/base/json_types.h"

namespace graft::training {
namespace {

class BadBatches final : public EventSink {
 public:
  BadBatches(fs::path file, std::optional<int> resumed_from, std::shared_ptr<FrontEnd> front_end)
      : file_(std::move(file)), front_end_(std::move(front_end)), resumed_from_(resumed_from) {}
  using EventSink::on;

  void on(const Stepped&) override { begin(); }

  void on(const Skipped& skipped) override {
    begin();
    ordered_json lines = ordered_json::array();
    for (const Skipped::Line& line : skipped.lines) {
      lines.push_back(
          {{"file", line.file}, {"line", line.line}, {"loss", finite_or_null(line.loss)}});
    }
    const ordered_json record = {{"iteration", skipped.iteration}, {"examples", lines}};
    std::error_code error;
    fs::create_directory(file_.parent_path(), error);
    std::ofstream out(file_, std::ios::app);
    out << record.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << "\n"
        << std::flush;
    if (!out) say_once();
  }

 private:
  // What is there of an earlier training goes, and of this one what comes again.
  void begin() {
    if (std::exchange(begun_, true) || !is_there(file_)) return;
    try {
      std::string kept;
      if (resumed_from_) kept = lines_until(read_text(file_), *resumed_from_);
      AtomicFile out(file_);
      out.write(kept);
      out.commit();
    } catch (const Error&) {
      say_once();
    }
  }

  static std::string lines_until(std::string_view text, int iteration) {
    std::string kept;
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      text.remove_prefix(std::min(line.size() + 1, text.size()));
      const json record = json::parse(line, nullptr, false);
      if (!record.is_object() || !record.contains("iteration")) continue;
      if (record["iteration"].is_number_integer() && record["iteration"] <= iteration) {
        kept += std::string(line) + "\n";
      }
    }
    return kept;
  }

  void say_once() {
    if (std::exchange(said_, true)) return;
    front_end_->warn("cannot write {}: the batches that were skipped are not recorded",
                     file_.string());
  }

  static ordered_json finite_or_null(double value) {
    return std::isfinite(value) ? ordered_json(value) : ordered_json();
  }

  fs::path file_;
  std::shared_ptr<FrontEnd> front_end_;
  std::optional<int> resumed_from_;
  bool begun_ = false, said_ = false;
};

}  // namespace

std::shared_ptr<EventSink> make_bad_batches_sink(fs::path file, std::optional<int> resumed_from,
                                                 std::shared_ptr<FrontEnd> front_end) {
  return std::make_shared<BadBatches>(std::move(file), resumed_from, std::move(front_end));
}

}  // namespace graft::training
