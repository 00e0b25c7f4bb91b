#include "graft/report/tensorboard.h"

#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <string>
#include <utility>

#include "graft/report/growing_file.h"
#include "graft/report/tensorboard_events.h"
#include "graft/report/warn_once.h"

namespace graft::report {
namespace {

double now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration<double>(since_1970).count();
}

// Of letters that any file name can have.
std::string host_name() {
  std::array<char, 256> name{};
  if (::gethostname(name.data(), name.size() - 1) != 0 || name[0] == '\0') return "localhost";
  std::string host = name.data();
  for (char& c : host) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!plain && c != '.' && c != '-') c = '_';
  }
  return host;
}

// TensorBoard reads a folder's files in the order of their names.
std::string new_name() {
  static std::atomic<int> made = 0;
  return fmt::format("events.out.tfevents.{:010}.{}.{}.{}", static_cast<int64_t>(now()),
                     host_name(), ::getpid(), made++);
}

class TensorboardSink final : public training::EventSink {
 public:
  TensorboardSink(RunFolder folder, std::optional<int64_t> resumed_from,
                  std::shared_ptr<FrontEnd> front_end)
      : folder_(std::move(folder)),
        first_step_(resumed_from ? *resumed_from + 1 : 0),
        once_(std::move(front_end)) {}
  using EventSink::on;

  void on(const training::Reported& r) override {
    append(r.iteration, {{"train/loss", r.loss},
                         {"train/learning_rate", r.learning_rate},
                         {"train/grad_norm", r.gradient_norm},
                         {"train/tokens_per_second", r.tokens_per_second},
                         {"train/memory", static_cast<double>(r.memory)}});
  }

  void on(const training::Validated& v) override {
    append(v.iteration, {{"validation/loss", v.loss}});
  }

 private:
  void append(int64_t step, const std::vector<Scalar>& scalars) {
    once_.attempt([&] {
      std::string records;
      if (!file_) {
        make_folder(folder_.path);
        make_folder(folder_.tensorboard());
        file_ = std::make_unique<GrowingFile>(folder_.tensorboard() / new_name());
      }
      if (!begun_) records = framed(version_event(now())) + framed(start_event(now(), first_step_));
      file_->append(records + framed(scalars_event(now(), step, scalars)));
      begun_ = true;
    });
  }

  RunFolder folder_;
  int64_t first_step_;
  WarnOnce once_;
  std::unique_ptr<GrowingFile> file_;
  bool begun_ = false;  // the file has its first events
};

}  // namespace

std::shared_ptr<training::EventSink> make_tensorboard_sink(RunFolder folder,
                                                           std::optional<int64_t> resumed_from,
                                                           std::shared_ptr<FrontEnd> front_end) {
  return std::make_shared<TensorboardSink>(std::move(folder), resumed_from, std::move(front_end));
}

}  // namespace graft::report
