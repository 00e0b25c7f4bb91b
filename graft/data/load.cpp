#include "graft/data/load.h"

#include <exception>
#include <optional>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/thread_pool.h"
#include "graft/data/description.h"
#include "graft/data/empty_share.h"
#include "graft/data/records/formats.h"
#include "graft/data/row_blocks.h"

namespace graft::data {
namespace {

// What a row became, or what was wrong with it.
struct Outcome {
  Encoded encoded;
  std::exception_ptr error;
};

// A block of rows, or what was wrong with it.
struct Block {
  RowBlock rows;
  bool any = false;
  std::exception_ptr error;
  std::vector<Outcome> outcomes;  // by row, once they are encoded

  void read(RowBlocks& from) {
    any = false;
    try {
      any = from.next(rows);
    } catch (...) {
      error = std::current_exception();
    }
  }
};

class Loading {
 public:
  Loading(std::string name, const Encoder& encoder, FrontEnd& front_end, TokenCache* cache,
          size_t worth)
      : encoder_(encoder), front_end_(front_end), keeper_(cache, worth, set_, front_end) {
    set_.name = std::move(name);
  }

  // While a block is encoded, on all cores, what became of the one before is appended and the next
  // one is read: parts of the same work, so that no core waits for another longer than a row takes.
  void add(const Source& source, double share_begin, double share) {
    if (!source.hashes.is_all() && set_.counts.records == 0) share_.emplace(source);
    const size_t begin = keeper_.size(), first_file = set_.files.size();
    for (const DataFile& file : source.files) set_.files.push_back(file.name);
    RowBlocks blocks(source);
    const RecordFormat* format = nullptr;
    Block before, block, next;
    block.read(blocks);
    while (block.any) {
      if (format == nullptr) {
        format = &format_of(block.rows.reader->parse(block.rows.rows[0]), source.keys,
                            block.rows.place_of(0));
        describe(*format, block.rows, source.keys);
      }
      constexpr int64_t kBeside = 2;
      block.outcomes.resize(block.rows.rows.size());
      run_parts(kBeside + std::ssize(block.outcomes), [&](int64_t part, int) {
        if (part == 0) {
          append(before, first_file);
        } else if (part == 1) {
          next.read(blocks);
        } else {
          encode(block, static_cast<size_t>(part - kBeside), *format, source.keys);
        }
      });
      std::swap(before, block);
      std::swap(block, next);
      show(share_begin + share * blocks.done());
    }
    append(before, first_file);
    if (block.error) std::rethrow_exception(block.error);
    if (source.weight) set_.shares.push_back({begin, keeper_.size(), *source.weight});
  }

  Dataset finish() {
    front_end_.progress({});
    if (set_.counts.records == 0) {
      fail("{} holds no records{}", set_.name, share_ ? share_->why_none() : "");
    }
    if (keeper_.size() == 0) fail("{}", nothing_left());
    for (const SourceShare& share : set_.shares) {
      if (share.begin == share.end) fail("{}: a source of it has no example left", set_.name);
    }
    keeper_.finish();
    return std::move(set_);
  }

 private:
  void encode(Block& block, size_t i, const RecordFormat& format, const RowKeys& keys) const {
    const std::string where = block.rows.place_of(i);
    try {
      block.outcomes[i].encoded = encoder_.encode(
          read_record(block.rows.reader->parse(block.rows.rows[i]), format, keys, where), where);
    } catch (...) {
      block.outcomes[i].error = std::current_exception();
    }
  }

  // Leaves the block without outcomes.
  void append(Block& block, size_t first_file) {
    for (size_t i = 0; i < block.outcomes.size(); ++i) {
      Outcome& outcome = block.outcomes[i];
      if (outcome.error) std::rethrow_exception(outcome.error);
      set_.counts.add(outcome.encoded, block.rows.place_of(i));
      for (Example& example : outcome.encoded.examples) {
        example.line = block.rows.rows[i].line;
        example.file = static_cast<uint32_t>(first_file + block.rows.file);
        set_.examples.push_back(example);
      }
    }
    block.outcomes.clear();
    keeper_.look();
  }

  // What the data are, in words, from a source's first record.
  void describe(const RecordFormat& format, const RowBlock& block, const RowKeys& keys) {
    const std::string where = block.place_of(0);
    const RecordContent first =
        read_record(block.reader->parse(block.rows[0]), format, keys, where);
    const std::string text = description_of(format, first, encoder_.renderer());
    if (set_.described.find(text) != std::string::npos) return;
    set_.described += (set_.described.empty() ? "" : ", and ") + text;
  }

  void show(double share) {
    front_end_.progress({{share, {set_.name, fmt::format("{} examples", keeper_.size())}}});
    front_end_.check_cancelled();
  }

  std::string nothing_left() const {
    const RecordCounts& counts = set_.counts;
    std::string why;
    const auto add = [&](int64_t count, const char* text) {
      if (count > 0) why += fmt::format("{}{} {}", why.empty() ? "" : ", ", count, text);
    };
    add(counts.too_short, "of fewer than 2 tokens");
    add(counts.untrained, "without a token to train on");
    add(counts.dropped, "longer than `max_seq_length`");
    return fmt::format("{} holds no example to train on: of {} records all are left out ({})",
                       set_.name, counts.records, why);
  }

  const Encoder& encoder_;
  FrontEnd& front_end_;
  Dataset set_;
  TokenKeeper keeper_;
  std::optional<EmptyShare> share_;  // a source that is a share of its files' rows
};

}  // namespace

Dataset load(const std::vector<Source>& sources, const std::string& name, const Encoder& encoder,
             FrontEnd& front_end, const TokenCacheOptions& cache) {
  std::optional<TokenCache> tokens;
  if (!cache.folder.empty()) {
    tokens.emplace(cache.folder, sources, name, encoder);
    if (auto found = tokens->find(front_end)) return std::move(*found);
  }
  Loading loading(name, encoder, front_end, tokens ? &*tokens : nullptr, cache.worth);
  const double share = 1.0 / static_cast<double>(sources.size());
  for (size_t i = 0; i < sources.size(); ++i) {
    loading.add(sources[i], static_cast<double>(i) * share, share);
  }
  return loading.finish();
}

}  // namespace graft::data
