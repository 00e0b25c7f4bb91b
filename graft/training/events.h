#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "graft/base/profile.h"

// The events of a training, and the sinks that receive them.
namespace graft::training {

/// How a run ended. Interrupted at the start: before the first step, so that nothing was saved.
enum class TrainEnd { finished, out_of_patience, interrupted, interrupted_at_start };

/// Before a run's first step and its first validation.
struct Started {
  int iteration;  // 0, or those that the training which is resumed has done
};

/// After every step.
struct Stepped {
  int iteration, iterations;
  double loss;  // NaN where the step was skipped
  double learning_rate;
  int64_t tokens;
  double gradient_norm;  // of all gradients together, before they are clipped
};

/// The figures of the iterations since the last report.
struct Reported {
  int iteration;
  double loss;  // mean over the iterations
  double learning_rate;
  double iterations_per_second;
  double tokens_per_second;  // trained tokens; there is no padding
  double gradient_norm = 0;  // mean over the iterations
  int64_t tokens = 0;        // trained since the beginning of the run
  double seconds = 0;        // of training and validation since then
  int64_t memory = 0;        // bytes that were resident at most, of all processes together
  int skipped = 0;           // steps without effect since then: their loss was not finite
  int spikes = 0;            // and those whose gradient was far larger than those before
  bool partial = false;      // of fewer iterations than usual: the last ones of the run
};

/// After every batch of a validation.
struct Validating {
  size_t done, batches;
};

struct Validated {
  int iteration;
  double loss;
  double seconds;
};

struct Saved {
  int iteration;
  std::string path;
};

/// A whole state of the training was written, from which it can go on.
struct Checkpointed {
  int iteration;
  std::string folder;
};

/// A step was without effect: its loss, its gradient or the step itself is not finite.
struct Skipped {
  struct Line {
    std::string file;  // of the data
    int64_t line;
    double loss;
  };

  int iteration;
  int in_a_row;
  std::vector<Line> lines;  // of the examples of its batches
  size_t worst;             // of `lines`: the first whose loss is not finite, or the largest
};

/// A step's gradient was more than 10 times as large as is usual. It had its effect.
struct Spiked {
  int iteration;
  double gradient_norm;
  double usual;  // the median of the steps before
};

/// A save while the training goes on failed, on a full disk, say; the next one tries again.
struct SaveFailed {
  int iteration;
  std::string why;
};

/// At the end of a run that was profiled: phases that add up to its time.
struct Profiled {
  std::vector<Phase> phases;
};

/// After the last save; not when an error ends the run.
struct Ended {
  TrainEnd end;
};

/// A receiver of events: a console, a file, a test. It overrides only the events that it needs.
class EventSink {
 public:
  virtual ~EventSink() = default;
  virtual void on(const Started&) {}
  virtual void on(const Stepped&) {}
  virtual void on(const Reported&) {}
  virtual void on(const Validating&) {}
  virtual void on(const Validated&) {}
  virtual void on(const Saved&) {}
  virtual void on(const Checkpointed&) {}
  virtual void on(const SaveFailed&) {}
  virtual void on(const Skipped&) {}
  virtual void on(const Spiked&) {}
  virtual void on(const Profiled&) {}
  virtual void on(const Ended&) {}
};

/// Sends every event to all sinks, in their order.
class Events {
 public:
  explicit Events(std::vector<std::shared_ptr<EventSink>> sinks) : sinks_(std::move(sinks)) {}

  template <class Event>
  void emit(const Event& event) const {
    for (const auto& sink : sinks_) sink->on(event);
  }

 private:
  std::vector<std::shared_ptr<EventSink>> sinks_;
};

}  // namespace graft::training
