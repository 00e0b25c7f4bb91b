#include "graft/engine/data_split.h"

namespace graft::engine {

data::Dataset load_split(const fs::path& folder, const std::string& split,
                         const LoadedModel& loaded, data::RenderOptions options,
                         FrontEnd& front_end) {
  options.vocab_size = loaded.model->vocab_size();
  data::Dataset set = data::load_dataset(folder, split, loaded.tokenizer, options);
  const int64_t records = std::ssize(set.examples) + set.too_short;
  if (set.truncated > 0) {
    front_end.warn("{}: {} of {} examples are longer than `max_seq_length` {} and are cut to it",
                   set.path.string(), set.truncated, records, options.max_seq_length);
  }
  if (set.too_short > 0) {
    front_end.warn("{}: {} of {} examples have fewer than 2 tokens and are left out",
                   set.path.string(), set.too_short, records);
  }
  return set;
}

}  // namespace graft::engine
