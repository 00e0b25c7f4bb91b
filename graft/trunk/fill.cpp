#include "graft/trunk/fill.h"

#include <fmt/format.h>
#include <mlx/transforms.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>

#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/hub/hash.h"
#include "graft/io/allocate.h"
#include "graft/models/trunk.h"
#include "graft/ops/backend.h"
#include "graft/ops/linear.h"
#include "graft/trunk/joined_texts.h"
#include "graft/trunk/row_file.h"

namespace graft::trunk {
namespace {

struct Text {
  std::span<const int32_t> ids;
  ExampleKey key;

  int64_t tokens() const { return static_cast<int64_t>(ids.size()); }
};

int64_t tokens_of(const std::vector<Text>& texts) {
  int64_t tokens = 0;
  for (const Text& text : texts) tokens += text.tokens();
  return tokens;
}

// Each once.
std::vector<Text> texts_of(const std::vector<std::span<const int32_t>>& examples) {
  std::vector<Text> texts;
  std::unordered_set<ExampleKey, ExampleKeyHash> seen;
  for (const auto ids : examples) {
    const ExampleKey key = key_of(ids);
    if (seen.insert(key).second) texts.push_back({ids, key});
  }
  return texts;
}

// In any order.
std::string hash_of(const std::vector<Text>& texts) {
  std::vector<std::pair<uint64_t, uint64_t>> keys;
  for (const Text& text : texts) keys.emplace_back(text.key.high, text.key.low);
  std::sort(keys.begin(), keys.end());
  return hub::sha256({reinterpret_cast<const char*>(keys.data()), keys.size() * sizeof keys[0]});
}

// The file of what some number of layers give.
class RowsBehind {
 public:
  RowsBehind(const fs::path& path, const TrunkIdentity& identity, const RowForm& form)
      : path_(path), form_(form), file_(path, identity.text()) {
    note_model(path, identity.model);
  }

  bool has(const Text& text) const { return file_.has(text.key); }
  // False if they are not there, or damaged.
  bool read(const Text& text, std::byte* to) {
    kept_.resize(text.ids.size() * form_.row_bytes());
    if (file_.read(text.key, kept_) != RowFile::Read::done) return false;
    form_.restore(kept_.data(), text.tokens(), to);
    return true;
  }
  void append(const Text& text, const void* rows) {
    kept_.resize(text.ids.size() * form_.row_bytes());
    form_.keep(rows, text.tokens(), kept_.data());
    using namespace std::chrono_literals;
    for (int tries = 0; !file_.append(text.key, kept_); ++tries) {
      constexpr int kMostTries = 1000;
      if (tries == kMostTries) fail("{} is being written by another process", path_.string());
      std::this_thread::sleep_for(10ms);
    }
  }
  void remove() const {
    std::error_code ignored;
    fs::remove(path_, ignored);
    fs::remove(fs::path(path_).replace_extension(".json"), ignored);
  }

 private:
  fs::path path_;
  RowForm form_;
  RowFile file_;
  std::vector<std::byte> kept_;
};

// Batches of so many tokens, all of more rows than are multiplied in another way.
std::vector<std::vector<Text>> batches_of(const std::vector<Text>& wanted,
                                          const std::vector<Text>& all, int64_t most) {
  std::vector<std::vector<Text>> batches;
  int64_t tokens = 0;
  for (const Text& text : wanted) {
    if (batches.empty() || tokens + text.tokens() > most) {
      batches.emplace_back();
      tokens = 0;
    }
    batches.back().push_back(text);
    tokens += text.tokens();
  }
  for (std::vector<Text>& batch : batches) {
    for (size_t i = 0; tokens_of(batch) <= ops::most_few_rows(); ++i) batch.push_back(all[i]);
  }
  return batches;
}

class Filling {
 public:
  Filling(const models::Model& model, const LayerPages& pages, const RowForm& form,
          const TrunkIdentity& identity, fs::path folder, std::vector<Text> texts,
          const FillOptions& options, FrontEnd& front_end)
      : model_(model),
        pages_(pages),
        form_(form),
        identity_(identity),
        folder_(std::move(folder)),
        texts_(std::move(texts)),
        texts_hash_(hash_of(texts_)),
        options_(options),
        front_end_(front_end) {}

  void run() {
    // What is damaged, or was removed by another fill of the same texts, is made again.
    constexpr int kMostTries = 20;
    for (int tries = 1; !reached_top(); ++tries) {
      if (tries == kMostTries) fail("{}: rows that were written cannot be read", folder_.string());
    }
    front_end_.progress({});
  }

 private:
  bool reached_top() {
    find_farthest();
    if (done_ < layers()) pages_.prefetch(done_, end_of_group(done_));
    while (done_ < layers()) {
      const int end = end_of_group(done_);
      auto target = open(end);
      pages_.prefetch(end, end_of_group(end));
      bool whole = false;
      try {
        whole = compute(end, *target);
      } catch (const RowFileRemoved&) {
        return false;
      }
      pages_.release(done_, end);
      if (done_ == 0) pages_.release_others();
      if (source_) source_->remove();
      if (!whole) return false;
      source_ = std::move(target);
      done_ = end;
    }
    return true;
  }

  int layers() const { return identity_.layers; }
  int end_of_group(int begin) const { return std::min(begin + options_.group, layers()); }

  TrunkIdentity identity_behind(int count) const {
    TrunkIdentity its = identity_;
    its.layers = count;
    if (count < layers()) {
      its.bits = 0;
      its.model += " (not whole)";
      its.texts = texts_hash_;
    }
    return its;
  }
  fs::path path_behind(int count) const { return folder_ / identity_behind(count).file_name(); }
  std::unique_ptr<RowsBehind> open(int count) const {
    const RowForm form(form_.width(), form_.dtype(), count < layers() ? 0 : form_.bits());
    return std::make_unique<RowsBehind>(path_behind(count), identity_behind(count), form);
  }

  // How far an earlier fill came with all of the texts.
  void find_farthest() {
    source_.reset();
    for (done_ = layers(); done_ > 0; --done_) {
      if (!is_there(path_behind(done_))) continue;
      source_ = open(done_);
      if (std::all_of(texts_.begin(), texts_.end(),
                      [&](const Text& text) { return source_->has(text); })) {
        return;
      }
      source_.reset();
    }
  }

  // The residual stream below the group; nothing if rows are damaged.
  std::optional<mx::array> stream(const std::vector<Text>& batch, const mx::array& ids,
                                  const models::Context& context) {
    if (!source_) return models::computed_stream(model_, 0, ids, context);
    const size_t row = row_bytes();
    mx::allocator::Data data = io::allocate(ids.size() * row);
    auto* to = static_cast<std::byte*>(data.buffer().raw_ptr());
    for (const Text& text : batch) {
      if (!source_->read(text, to)) return {};
      to += text.ids.size() * row;
    }
    return mx::array(std::move(data), {ids.shape(0), form_.width()}, form_.dtype());
  }

  // Layers [done_, end) for all texts that the target has not. False if rows below are damaged.
  bool compute(int end, RowsBehind& target) {
    std::vector<Text> wanted;
    for (const Text& text : texts_) {
      if (!target.has(text)) wanted.push_back(text);
    }
    const auto batches = batches_of(wanted, texts_, options_.batch_tokens);
    for (size_t i = 0; i < batches.size(); ++i) {
      front_end_.check_cancelled();
      if (!compute(batches[i], end, target)) return false;
      const double share = static_cast<double>(i + 1) / static_cast<double>(batches.size());
      front_end_.progress({{(done_ + (end - done_) * share) / layers(),
                            {fmt::format("layers {} to {} of {}", done_, end - 1, layers())}}});
    }
    return true;
  }

  bool compute(const std::vector<Text>& batch, int end, RowsBehind& target) {
    JoinedTexts joined;
    for (const Text& text : batch) joined.add(text.ids);
    const models::Context context = joined.context(model_);
    const auto below = stream(batch, joined.array(), context);
    if (!below) return false;
    const ops::WithoutGradient pass;
    models::Hidden hidden{*below, {}};
    for (int layer = done_; layer < end; ++layer) {
      hidden = {models::summed(model_.layer(layer, hidden, context)), {}};
      mx::eval(hidden.stream);  // one layer's activations at a time
    }
    const mx::array& above = hidden.stream;
    check_mapped_files();
    const auto* rows = above.data<char>();
    for (const Text& text : batch) {
      target.append(text, rows);
      rows += text.ids.size() * row_bytes();
    }
    return true;
  }

  size_t row_bytes() const { return form_.dtype().size() * static_cast<size_t>(form_.width()); }

  const models::Model& model_;
  const LayerPages& pages_;
  RowForm form_;
  TrunkIdentity identity_;
  fs::path folder_;
  std::vector<Text> texts_;
  std::string texts_hash_;
  FillOptions options_;
  FrontEnd& front_end_;
  int done_ = 0;                        // layers that are done for all texts
  std::unique_ptr<RowsBehind> source_;  // what these give; none: the embedding
};

}  // namespace

void fill(const models::Model& model, const LayerPages& pages, const RowForm& form,
          const TrunkIdentity& identity, const fs::path& folder,
          const std::vector<std::span<const int32_t>>& examples, const FillOptions& options,
          FrontEnd& front_end) {
  std::vector<Text> texts = texts_of(examples);
  if (tokens_of(texts) <= ops::most_few_rows()) return;
  make_trunk_folder(folder);
  Filling(model, pages, form, identity, folder, std::move(texts), options, front_end).run();
}

}  // namespace graft::trunk
