#include "graft/plan/tape.h"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <stack>
#include <unordered_map>
#include <utility>

namespace graft::plan {
namespace {

constexpr size_t kUsualWidth = 20;

// As MLX reads it.
size_t width_limit() {
  const char* text = std::getenv("MLX_BFS_MAX_WIDTH");
  const long width = text == nullptr ? 0 : std::atol(text);
  return width > 0 ? static_cast<size_t>(width) : kUsualWidth;
}

bool is_waiting(const mx::array& a) {
  return a.status() == mx::array::Status::unscheduled && a.has_primitive();
}

// How many inputs of nodes each array is; the outputs of one node count together.
using Uses = std::unordered_map<std::uintptr_t, int>;

void add_use(Uses& uses, const mx::array& a, int count) {
  uses[a.id()] += count;
  for (const mx::array& sibling : a.siblings()) uses[sibling.id()] += count;
}

// A node's inputs, or for null the outputs of the whole.
struct Place {
  const std::vector<mx::array>* inputs;
  size_t next = 0;
};

Uses count_uses(const std::vector<mx::array>& outputs) {
  Uses uses;
  std::stack<Place> open;
  open.push({&outputs});
  while (!open.empty()) {
    Place& place = open.top();
    if (place.next == place.inputs->size()) {
      open.pop();
      continue;
    }
    const mx::array& in = (*place.inputs)[place.next++];
    if (!is_waiting(in)) continue;
    const bool is_new = uses.count(in.id()) == 0;
    add_use(uses, in, 1);
    if (is_new) open.push({&in.inputs()});
  }
  return uses;
}

}  // namespace

std::vector<mx::array> tape_of(const std::vector<mx::array>& outputs) {
  Uses uses = count_uses(outputs);
  const size_t width = width_limit();
  std::vector<mx::array> tape;  // the last node first, and without the whole, which comes before it
  std::stack<Place> left;       // where the tape was too wide to go on
  size_t taken = 0;             // of the whole and the tape: those whose inputs were looked at
  while (!uses.empty() && (taken <= tape.size() || !left.empty())) {
    Place place{&outputs};
    if (taken > tape.size()) {
      place = left.top();
      left.pop();
    } else {
      if (taken > 0) place.inputs = &tape[taken - 1].inputs();
      ++taken;
    }
    for (; place.next < place.inputs->size(); ++place.next) {
      const mx::array& in = (*place.inputs)[place.next];
      if (!is_waiting(in)) continue;
      if (tape.size() + 1 - taken >= width) {
        left.push(place);
        break;
      }
      const auto found = uses.find(in.id());
      if (found == uses.end()) continue;
      const bool is_last = found->second == 1;
      add_use(uses, in, -1);
      if (!is_last) continue;
      uses.erase(in.id());
      for (const mx::array& sibling : in.siblings()) uses.erase(sibling.id());
      tape.push_back(in);
    }
  }
  std::reverse(tape.begin(), tape.end());
  return tape;
}

}  // namespace graft::plan
