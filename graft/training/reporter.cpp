#include "graft/training/reporter.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "graft/base/memory.h"
#include "graft/base/terminal.h"

namespace graft::training {
namespace {

using Clock = std::chrono::steady_clock;

constexpr double kSmoothing = 0.9;  // of the live line's loss and speed

class ConsoleReporter final : public Reporter {
 public:
  void progressed(int iteration, int iterations, double loss, double learning_rate,
                  int64_t tokens) override {
    Clock::time_point now = Clock::now();
    std::chrono::duration<double> took = now - last_;
    last_ = now;
    mix(loss_, loss);
    mix(seconds_, took.count());
    mix(tokens_, static_cast<double>(tokens));
    double left = seconds_ * (iterations - iteration);
    // The first fields are those that a narrow terminal keeps.
    std::vector<std::string> fields = {
        fmt::format("{}/{}", iteration, iterations),
        fmt::format("loss {:.3f}", loss_),
        fmt::format("{} left", duration_text(left)),
        fmt::format("{:.0f} tok/s", tokens_ / seconds_),
        fmt::format("lr {:.1e}", learning_rate),
        fmt::format("{:.2f} GB", static_cast<double>(peak_memory()) / 1e9)};
    double share = static_cast<double>(iteration) / iterations;
    line_.show(progress_line(share, std::move(fields), live_line_width()));
  }

  void trained(const TrainReport& r) override {
    print(fmt::format("Iter {}: Train loss {:.3f}, It/sec {:.3f}, Tokens/sec {:.3f}", r.iteration,
                      r.loss, r.iterations_per_second, r.tokens_per_second));
  }

  void validating(size_t done, size_t batches) override {
    double share = static_cast<double>(done) / static_cast<double>(batches);
    line_.show(
        progress_line(share, {fmt::format("validation {}/{}", done, batches)}, live_line_width()));
  }

  void validated(int iteration, double loss, double seconds) override {
    print(fmt::format("Iter {}: Val loss {:.3f}, Val took {:.3f}s", iteration, loss, seconds));
    last_ = Clock::now();
  }

  void saved(int iteration, const std::string& path) override {
    print(fmt::format("Iter {}: Saved adapter weights to {}.", iteration, path));
    last_ = Clock::now();
  }

  void profiled(const std::vector<Phase>& phases) override {
    print(fmt::format("\nWhere the time went:\n{}", profile_table(phases)));
  }

 private:
  static void mix(double& average, double value) {
    average = average == 0 ? value : kSmoothing * average + (1 - kSmoothing) * value;
  }

  void print(const std::string& text) {
    line_.clear();
    fmt::print("{}\n", text);
    std::fflush(stdout);
  }

  LiveLine line_;
  Clock::time_point last_ = Clock::now();
  double loss_ = 0, seconds_ = 0, tokens_ = 0;
};

}  // namespace

std::unique_ptr<Reporter> make_reporter() { return std::make_unique<ConsoleReporter>(); }

}  // namespace graft::training
