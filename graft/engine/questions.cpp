#include "graft/engine/questions.h"

#include <optional>
#include <utility>

#include "graft/data/records/formats.h"
#include "graft/data/row_blocks.h"

namespace graft::engine {
namespace {

void add_questions(const data::Source& source, const data::Encoder& encoder, int64_t most,
                   Questions& all) {
  constexpr size_t kPlaces = 5;
  data::RowBlocks blocks(source);
  const data::RecordFormat* format = nullptr;
  for (data::RowBlock block; blocks.next(block);) {
    for (size_t i = 0; i < block.rows.size(); ++i) {
      if (most >= 0 && std::ssize(all.questions) >= most) return;
      const std::string where = block.place_of(i);
      ordered_json row = block.reader->parse(block.rows[i]);
      if (format == nullptr) format = &data::format_of(row, source.keys, where);
      const std::optional<data::AskedText> asked =
          encoder.renderer().asked(data::read_record(row, *format, source.keys, where), where);
      if (!asked) {
        ++all.without_answer;
        if (all.places.size() < kPlaces) all.places.push_back(where);
        continue;
      }
      all.questions.push_back(
          {encoder.tokenizer().encode(asked->text, {.add_special_tokens = !asked->from_template}),
           asked->question, asked->reference, std::move(row), where});
    }
  }
}

}  // namespace

Questions read_questions(const std::vector<data::Source>& sources, const data::Encoder& encoder,
                         int64_t most) {
  Questions all;
  for (const data::Source& source : sources) add_questions(source, encoder, most, all);
  return all;
}

}  // namespace graft::engine
