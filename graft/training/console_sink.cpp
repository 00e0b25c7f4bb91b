#include "graft/training/console_sink.h"

#include <fmt/format.h>

#include <chrono>
#include <cmath>
#include <cstdint>
#include <utility>
#include <vector>

#include "graft/base/memory.h"
#include "graft/base/terminal.h"

namespace graft::training {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSmoothing = 0.9;  // of the live line's loss and speed
constexpr size_t kCurve = 96;       // points of its curve at most
constexpr int kSpikesTold = 3;      // one by one

class ConsoleSink final : public EventSink {
 public:
  explicit ConsoleSink(std::shared_ptr<FrontEnd> front_end) : front_end_(std::move(front_end)) {}
  ~ConsoleSink() override { front_end_->progress({}); }
  using EventSink::on;

  void on(const Stepped& step) override {
    Clock::time_point now = Clock::now();
    std::chrono::duration<double> took = now - last_;
    last_ = now;
    if (std::isfinite(step.loss)) {
      mix(loss_, step.loss);
      extend_curve();
    }
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
    front_end_->progress({{share, std::move(fields), curve_}});
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
        skipped.iteration, skipped.lines[skipped.worst].file, skipped.lines[skipped.worst].line);
  }

  void on(const Spiked& spike) override {
    if (++spikes_ > kSpikesTold) return;
    front_end_->note("Iter {}: a spike: the gradient's norm is {:.3g}, where {:.3g} is usual{}",
                     spike.iteration, spike.gradient_norm, spike.usual,
                     spikes_ < kSpikesTold ? "" : "; further ones are only counted");
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

  // Of the whole run: where there are too many points, two neighbours become one.
  void extend_curve() {
    if (steps_of_point_ == 0) {
      curve_.push_back(loss_);
    } else {
      curve_.back() = loss_;
    }
    steps_of_point_ = (steps_of_point_ + 1) % steps_a_point_;
    if (curve_.size() < kCurve || steps_of_point_ != 0) return;
    for (size_t i = 0; i < curve_.size() / 2; ++i) {
      curve_[i] = (curve_[2 * i] + curve_[2 * i + 1]) / 2;
    }
    curve_.resize(curve_.size() / 2);
    steps_a_point_ *= 2;
  }

  void print(const std::string& text) { front_end_->result_line(text); }

  std::shared_ptr<FrontEnd> front_end_;
  Clock::time_point last_ = Clock::now();
  double loss_ = 0, seconds_ = 0, tokens_ = 0;
  std::vector<double> curve_;  // of the loss
  int64_t steps_a_point_ = 1, steps_of_point_ = 0;
  int spikes_ = 0;
};

}  // namespace

std::shared_ptr<EventSink> make_console_sink(std::shared_ptr<FrontEnd> front_end) {
  return std::make_shared<ConsoleSink>(std::move(front_end));
}

}  // namespace graft::training
