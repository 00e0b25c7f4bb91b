#include "graft/jinja/output_recorder.h"

#include <utility>

#include "graft/jinja/error.h"
#include "graft/jinja/text.h"
#include "graft/unicode/unicode.h"

namespace graft::jinja {

OutputRecorder::OutputRecorder(const Value& list) {
  if (list.list() == nullptr) return;
  items_ = *list.list();
  of_items_.resize(items_.size());
  for (size_t k = 0; k < items_.size(); ++k) {
    if (const Dict* dict = items_[k].dict()) index_.emplace(dict, k);
  }
}

void OutputRecorder::add_generated(size_t begin, std::string_view text) {
  count();
  generated_.push_back({begin, static_cast<size_t>(characters(text))});
}

void OutputRecorder::add_item(const Value& item, Span written) {
  const Dict* dict = item.dict();
  if (dict == nullptr || written.begin == written.end) return;
  const auto found = index_.find(dict);
  if (found == index_.end()) return;
  count();
  std::vector<Span>& spans = of_items_[found->second];
  // Loops over the same item that ran in this one's body.
  while (!spans.empty() && spans.back().begin >= written.begin) spans.pop_back();
  spans.push_back(written);
}

void OutputRecorder::count() {
  constexpr size_t kMost = 100'000;
  if (++count_ > kMost)
    refuse("messages and generation blocks are written more than {} times", kMost);
}

Rendering OutputRecorder::finish(std::string text) && {
  Rendering result{.text = std::move(text), .generated = {}, .of_items = std::move(of_items_)};
  for (const Generated& one : generated_) {
    Span span{one.begin, one.begin};
    for (size_t i = 0; i < one.characters && span.end < result.text.size(); ++i) {
      span.end += unicode::decode(result.text.data() + span.end).size;
    }
    result.generated.push_back(span);
  }
  return result;
}

}  // namespace graft::jinja
