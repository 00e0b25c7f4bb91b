#include "graft/plan/graph_memory.h"

#include <mlx/primitives.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "graft/ops/cost.h"
#include "graft/plan/tape.h"

namespace graft::plan {
namespace {

// MLX computes on a thread of its own, to which the one that calls eval hands tasks. It waits once
// this many are not done (MAX_ACTIVE_TASKS in mlx/transforms.cpp), of which only one in ten counts
// (DISPATCHES_PER_TASK in mlx/backend/cpu/encoder.h). What a task reads is freed when it is done.
constexpr int64_t kMostTasks = 10, kCountedOf = 10;

// A node may write over an input that is little larger than its output (`is_donatable`).
constexpr size_t kSlack = 16384;

enum class Kind { activation, gradient, result };
constexpr size_t kKinds = 3;

// Memory that arrays share.
struct Block {
  size_t bytes = 0;
  Kind kind = Kind::activation;
  int arrays = 0;  // that can still be reached
  int tasks = 0;   // not done yet, that read it
  bool counted = true;
};

struct State {
  int block = -1;
  int handles = 0;  // of nodes that have not run, and of the caller
  bool whole_rows = true;
};

bool fills_gaps(std::string_view name) {
  return name == "Contiguous" || name == "Flatten" || name == "Reshape" || name == "Unflatten";
}

// Nodes of MLX whose output never takes the place of an input.
bool has_own_output(std::string_view name) {
  static const std::set<std::string_view> all = {
      "AddMM",  "Arange",     "ArgPartition", "ArgReduce",   "ArgSort",   "Concatenate",
      "Gather", "GatherAxis", "Matmul",       "Pad",         "Partition", "RandomBits",
      "Reduce", "Scan",       "Scatter",      "ScatterAxis", "Sort"};
  return all.count(name) > 0;
}

// Whether a view of whole rows has no gaps either: only the first of the dimensions may be cut.
bool keeps_whole_rows(std::string_view name, const mx::array& in, const mx::array& out) {
  if (name == "Broadcast" || name == "BroadcastAxes") return in.size() == out.size();
  if (name == "AsStrided") return false;
  if (name == "Transpose") {
    return std::count_if(in.shape().begin(), in.shape().end(), [](int n) { return n > 1; }) < 2;
  }
  if (name != "Slice" && name != "Split") return true;
  bool first = true;
  for (int i = 0; i < static_cast<int>(in.ndim()); ++i) {
    if (!first && in.shape(i) != out.shape(i)) return false;
    if (out.shape(i) > 1) first = false;
  }
  return true;
}

// The input that an output of a view shares memory with.
size_t input_of_view(std::string_view name, size_t output, size_t inputs, size_t outputs) {
  if (name == "Depends") return output;
  return name == "CustomTransforms" ? inputs - outputs + output : 0;
}

class Evaluation {
 public:
  Evaluation(const std::vector<mx::array>& tape, const std::vector<mx::array>& outputs,
             const std::vector<mx::array>& kept, bool in_place)
      : in_place_(in_place) {
    for (const auto* arrays : {&outputs, &kept}) {
      for (const mx::array& a : *arrays) {
        ++state(a).handles;
        results_.insert(a.id());
      }
    }
    for (const mx::array& node : tape) {
      for (const mx::array& in : node.inputs()) ++state(in).handles;
    }
  }

  void run(const mx::array& node) {
    const std::string_view name = node.primitive().name();
    const std::vector<mx::array> outputs = node.outputs();
    const auto cost = ops::cost_of(node);
    const bool shares = take_outputs(node, name, outputs, cost.has_value());
    note_peak(name, cost);
    hand_over(node, outputs, shares ? 1 : 2);
    for (const mx::array& in : node.inputs()) drop_handle(in);
    for (const mx::array& out : outputs) {
      if (state(out).handles == 0) forget(state(out));
    }
    finish_tasks(kCountedOf * (handed_ / kCountedOf - kMostTasks));
  }

  GraphMemory most() const {
    GraphMemory all = most_;
    all.scratch = shared_;
    for (const auto& [name, bytes] : own_) {
      (name == "HeadLoss" ? all.logits : all.scratch) += bytes;
    }
    return all;
  }

 private:
  State& state(const mx::array& a) { return states_[a.id()]; }
  Block& block(const State& state) { return blocks_[static_cast<size_t>(state.block)]; }

  // A leaf has memory already, which is not counted.
  State& ready(const mx::array& a) {
    State& s = state(a);
    if (s.block < 0) attach(s, {.bytes = a.nbytes(), .counted = false});
    return s;
  }

  void attach(State& state, const Block& block) {
    state.block = static_cast<int>(blocks_.size());
    blocks_.push_back(block);
    blocks_.back().arrays = 1;
    if (block.counted) live_[static_cast<size_t>(block.kind)] += block.bytes;
  }

  void share(State& state, const State& with) {
    state.block = with.block;
    ++block(state).arrays;
  }

  Kind kind_of(const mx::array& node, std::string_view name, size_t output) {
    if (results_.count(node.outputs()[output].id()) > 0) return Kind::result;
    // The loss computes its gradient along.
    if (name.ends_with("Backward") || (name == "HeadLoss" && output == 2)) return Kind::gradient;
    for (const mx::array& in : node.inputs()) {
      if (block(ready(in)).kind == Kind::gradient) return Kind::gradient;
    }
    return Kind::activation;
  }

  // Gives a node's outputs memory, new or an input's. Returns whether nothing is computed.
  bool take_outputs(const mx::array& node, std::string_view name,
                    const std::vector<mx::array>& outputs, bool is_ours) {
    const std::vector<mx::array>& inputs = node.inputs();
    for (const mx::array& in : inputs) ready(in);
    if (!is_ours && is_view(name)) {
      bool all = true;
      for (size_t i = 0; i < outputs.size(); ++i) {
        const mx::array& in = inputs[input_of_view(name, i, inputs.size(), outputs.size())];
        const State from = state(in);
        State& to = state(outputs[i]);
        to.whole_rows = from.whole_rows && keeps_whole_rows(name, in, outputs[i]);
        if (fills_gaps(name) && !from.whole_rows) {
          to.whole_rows = true;
          attach(to, {.bytes = outputs[i].nbytes(), .kind = kind_of(node, name, i)});
          all = false;
        } else {
          share(to, from);
        }
      }
      return all;
    }
    for (size_t i = 0; i < outputs.size(); ++i) {
      State& to = state(outputs[i]);
      const Kind kind = kind_of(node, name, i);
      if (!is_ours && !has_own_output(name) && outputs.size() == 1) {
        if (const mx::array* given = donated(node, outputs[i])) {
          share(to, state(*given));
          recount(block(to), kind);
          continue;
        }
      }
      const bool counted = !in_place_ || kind != Kind::result;
      attach(to, {.bytes = outputs[i].nbytes(), .kind = kind, .counted = counted});
    }
    return false;
  }

  void recount(Block& block, Kind kind) {
    live_[static_cast<size_t>(block.kind)] -= block.bytes;
    block.kind = kind;
    live_[static_cast<size_t>(block.kind)] += block.bytes;
  }

  // The first input that the output takes the place of: one that nothing else can reach.
  const mx::array* donated(const mx::array& node, const mx::array& out) {
    for (const mx::array& in : node.inputs()) {
      const State& s = state(in);
      const Block& b = block(s);
      if (s.handles == 1 && s.whole_rows && b.counted && b.arrays == 1 && b.tasks == 0 &&
          in.itemsize() == out.itemsize() && in.size() == out.size() &&
          b.bytes <= out.nbytes() + kSlack) {
        return &in;
      }
    }
    return nullptr;
  }

  void note_peak(std::string_view name, const std::optional<ops::NodeCost>& cost) {
    size_t passing = 0;
    if (cost) {
      shared_ = std::max(shared_, cost->scratch.shared);
      size_t& own = own_[std::string(name)];
      own = std::max(own, cost->scratch.own);
      passing = cost->scratch.passing;
    }
    if (live_[0] + live_[1] + live_[2] + passing <= most_.total()) return;
    most_ = {.activations = live_[0], .gradients = live_[1] + passing, .results = live_[2]};
  }

  // The node's task, and those after it that hold what it reads: the inputs, and all outputs but
  // one.
  void hand_over(const mx::array& node, const std::vector<mx::array>& outputs, int dispatches) {
    const int own = state(node).block;
    std::set<int> held;
    for (const mx::array& in : node.inputs()) held.insert(state(in).block);
    for (const mx::array& out : outputs) held.insert(state(out).block);
    held.erase(own);
    for (const int b : held) ++blocks_[static_cast<size_t>(b)].tasks;
    handed_ += dispatches;
    tasks_.emplace_back(handed_, std::vector<int>(held.begin(), held.end()));
  }

  void finish_tasks(int64_t done) {
    for (; !tasks_.empty() && tasks_.front().first <= done; tasks_.pop_front()) {
      for (const int b : tasks_.front().second) {
        --blocks_[static_cast<size_t>(b)].tasks;
        free_if_unused(blocks_[static_cast<size_t>(b)]);
      }
    }
  }

  void drop_handle(const mx::array& a) {
    State& s = state(a);
    if (--s.handles == 0) forget(s);
  }

  void forget(State& state) {
    Block& b = block(state);
    --b.arrays;
    free_if_unused(b);
  }

  void free_if_unused(const Block& block) {
    if (block.arrays > 0 || block.tasks > 0 || !block.counted) return;
    live_[static_cast<size_t>(block.kind)] -= block.bytes;
  }

  bool in_place_;
  std::unordered_map<std::uintptr_t, State> states_;
  std::unordered_set<std::uintptr_t> results_;
  std::vector<Block> blocks_;
  std::deque<std::pair<int64_t, std::vector<int>>> tasks_;  // with the number of the last dispatch
  int64_t handed_ = 0;
  size_t live_[kKinds] = {};
  size_t shared_ = 0;
  std::map<std::string, size_t> own_;
  GraphMemory most_;
};

}  // namespace

bool is_view(std::string_view name) {
  static const std::set<std::string_view> all = {
      "AsStrided", "Broadcast",    "BroadcastAxes", "Contiguous", "Copy",  "CustomTransforms",
      "Depends",   "ExpandDims",   "Flatten",       "Reshape",    "Slice", "Split",
      "Squeeze",   "StopGradient", "Transpose",     "Unflatten"};
  return all.count(name) > 0;
}

GraphMemory memory_of_tape(const std::vector<mx::array>& tape,
                           const std::vector<mx::array>& outputs,
                           const std::vector<mx::array>& kept, bool in_place) {
  Evaluation evaluation(tape, outputs, kept, in_place);
  for (const mx::array& node : tape) evaluation.run(node);
  return evaluation.most();
}

GraphMemory memory_of_stages(const std::vector<std::vector<mx::array>>& stages,
                             const std::vector<mx::array>& kept) {
  std::vector<mx::array> tape, outputs;
  std::unordered_set<std::uintptr_t> done;
  for (const std::vector<mx::array>& stage : stages) {
    for (const mx::array& node : tape_of(stage)) {
      if (done.count(node.id()) > 0) continue;
      done.insert(node.id());
      for (const mx::array& sibling : node.siblings()) done.insert(sibling.id());
      tape.push_back(node);
    }
    outputs.insert(outputs.end(), stage.begin(), stage.end());
  }
  return memory_of_tape(tape, outputs, kept, true);
}

GraphMemory memory_of(const std::vector<mx::array>& outputs, const std::vector<mx::array>& kept) {
  return memory_of_tape(tape_of(outputs), outputs, kept);
}

}  // namespace graft::plan
