#include "graft/training/console_sink.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <utility>

#include "graft/base/memory.h"
#include "graft/base/terminal.h"

namespace graft::training {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSmoothing = 0.9;  // of the live line's loss and speed

class ConsoleSink final : public EventSink {
 public:
  explicit ConsoleSink(std::shared_ptr<FrontEnd> front_end) : front_end_(std::move(front_end)) {}
  ~ConsoleSink() override { front_end_->progress({}); }
  using EventSink::on;

  void on(const Stepped& step) override {
    Clock::time_point now = Clock::now();
    std::chrono::duration<double> took = now - last_;
    last_ = now;
    if (std::isfinite(step.loss)) mix(loss_, step.loss);
    mix(seconds_, took.count());
    mix(tokens_, static_cast<double>(step.tokens));
    double left = seconds_ * (step.iterations - step.iteration);
    // The first fields are those that a narrow terminal keeps.
    std::vector<std::string> fields = {
        fmt::format("{}/{}", step.iteration, step.iterations),
        fmt::format("loss {:.3f}", loss_),
        fmt::format("{} left", duration_text(left)),
        fmt::format("{:.0f} tok/s", tokens_ / seconds_),
        fmt::format("lr {:.1e}", step.learning_rate),
        fmt::format("{:.2f} GB", static_cast<double>(peak_memory()) / 1e9)};
    double share = static_cast<double>(step.iteration) / step.iterations;
    front_end_->progress({{share, std::move(fields)}});
  }

  void on(const Reported& r) override {
    if (r.partial) return;  // the example has no such line
    print(fmt::format("Iter {}: Train loss {:.3f}, It/sec {:.3f}, Tokens/sec {:.3f}", r.iteration,
                      r.loss, r.iterations_per_second, r.tokens_per_second));
  }

  void on(const Validating& v) override {
    double share = static_cast<double>(v.done) / static_cast<double>(v.batches);
    front_end_->progress({{share, {fmt::format("validation {}/{}", v.done, v.batches)}}});
  }

  void on(const Validated& v) override {
    print(
        fmt::format("Iter {}: Val loss {:.3f}, Val took {:.3f}s", v.iteration, v.loss, v.seconds));
    last_ = Clock::now();
  }

  void on(const Saved& saved) override {
    print(fmt::format("Iter {}: Saved adapter weights to {}.", saved.iteration, saved.path));
    last_ = Clock::now();
  }

  void on(const Skipped& skipped) override {
    front_end_->warn(
        "iteration {}: the loss, its gradient or the step is not finite: skipped (largest loss at "
        "{}:{})",
        skipped.iteration, skipped.file, skipped.lines[skipped.worst].line);
  }

  void on(const SaveFailed& failed) override {
    front_end_->warn("iteration {}: {}. The training goes on, and the next save tries again",
                     failed.iteration, failed.why);
  }

  void on(const Profiled& profile) override {
    print(fmt::format("\nWhere the time went:\n{}", profile_table(profile.phases)));
  }

 private:
  static void mix(double& average, double value) {
    average = average == 0 ? value : kSmoothing * average + (1 - kSmoothing) * value;
  }

  void print(const std::string& text) { front_end_->result_line(text); }

  std::shared_ptr<FrontEnd> front_end_;
  Clock::time_point last_ = Clock::now();
  double loss_ = 0, seconds_ = 0, tokens_ = 0;
};

}  // namespace

std::shared_ptr<EventSink> make_console_sink(std::shared_ptr<FrontEnd> front_end) {
  return std::make_shared<ConsoleSink>(std::move(front_end));
}

}  // namespace graft::training
