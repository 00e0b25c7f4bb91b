#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "graft/base/span.h"
#include "graft/jinja/value.h"

namespace graft::jinja {

/// A template's output, and which parts of it come from where.
struct Rendering {
  std::string text;
  /// What each {% generation %} block that ran has written, in the order in which they ended: where
  /// transformers' AssistantTracker has it, also for blocks in macros and in {% set %} blocks,
  /// whose text it takes to begin where the output then ended.
  std::vector<Span> generated{};
  /// What was written while a loop was at the item [k] of the list, that very object and not one
  /// like it; in order, none of them empty. Output that was captured first does not count.
  std::vector<std::vector<Span>> of_items{};
};

/// Takes down where output comes from while a template runs.
class OutputRecorder {
 public:
  /// The items of `list` are the objects to look for; none if it is no list.
  explicit OutputRecorder(const Value& list);

  /// A {% generation %} block has written `text`; the output had `begin` bytes before it.
  void add_generated(size_t begin, std::string_view text);
  /// A loop has written the bytes `written` while it was at `item`.
  void add_item(const Value& item, Span written);

  Rendering finish(std::string text) &&;

 private:
  struct Generated {
    size_t begin, characters;
  };
  void count();

  List items_;  // kept alive, so that nothing else gets their addresses
  std::unordered_map<const Dict*, size_t> index_;
  std::vector<std::vector<Span>> of_items_;
  std::vector<Generated> generated_;
  size_t count_ = 0;
};

}  // namespace graft::jinja
