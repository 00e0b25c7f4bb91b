#include "graft/training/bad_batches.h"

#include <cmath>
#include <fstream>
#include <utility>

#include "graft/base/json_types.h"

namespace graft::training {
namespace {

class BadBatches final : public EventSink {
 public:
  BadBatches(fs::path file, std::shared_ptr<FrontEnd> front_end)
      : file_(std::move(file)), front_end_(std::move(front_end)) {}
  using EventSink::on;

  void on(const Skipped& skipped) override {
    ordered_json lines = ordered_json::array();
    for (const Skipped::Line& line : skipped.lines) {
      lines.push_back({{"line", line.line}, {"loss", finite_or_null(line.loss)}});
    }
    const ordered_json record = {
        {"iteration", skipped.iteration}, {"file", skipped.file}, {"examples", lines}};
    std::error_code error;
    fs::create_directory(file_.parent_path(), error);
    std::ofstream out(file_, std::ios::app);
    out << record.dump(-1, ' ', false, ordered_json::error_handler_t::replace) << "\n"
        << std::flush;
    if (out || said_) return;
    said_ = true;
    front_end_->warn("cannot write {}: the batches that were skipped are not recorded",
                     file_.string());
  }

 private:
  static ordered_json finite_or_null(double value) {
    return std::isfinite(value) ? ordered_json(value) : ordered_json();
  }

  fs::path file_;
  std::shared_ptr<FrontEnd> front_end_;
  bool said_ = false;
};

}  // namespace

std::shared_ptr<EventSink> make_bad_batches_sink(fs::path file,
                                                 std::shared_ptr<FrontEnd> front_end) {
  return std::make_shared<BadBatches>(std::move(file), std::move(front_end));
}

}  // namespace graft::training
