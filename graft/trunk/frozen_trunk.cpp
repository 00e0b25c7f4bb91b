#include "graft/trunk/frozen_trunk.h"

#include <mlx/transforms.h>

#include <algorithm>
#include <utility>

#include "graft/base/mapped_file.h"
#include "graft/io/allocate.h"
#include "graft/ops/linear.h"
#include "graft/trunk/joined_texts.h"

namespace graft::trunk {
namespace {

// After so many batches without their weights these are let go.
constexpr int kQuietBatches = 8;

}  // namespace

// An example of a batch: its rows, and its place among them.
struct FrozenTrunk::Part {
  std::span<const int32_t> ids;
  int64_t begin;
  ExampleKey key;
};

FrozenTrunk::FrozenTrunk(const models::Model& model, int layers, RowForm form, RowStore& store,
                         Release release)
    : model_(model), layers_(layers), form_(form), store_(store), release_(std::move(release)) {}

std::vector<FrozenTrunk::Part> FrozenTrunk::parts_of(const mx::array& ids,
                                                     const models::Context& context) const {
  std::vector<Part> parts;
  for (const Sequence& sequence : *context.sequences) {
    const std::span own(ids.data<int32_t>() + sequence.query_begin,
                        static_cast<size_t>(sequence.queries()));
    parts.push_back({own, sequence.query_begin, key_of(own)});
  }
  return parts;
}

// Computes examples together, puts their rows where they belong, and keeps them.
void FrozenTrunk::compute(const std::vector<Part*>& missing, std::byte* rows) const {
  JoinedTexts joined;
  for (const Part* part : missing) joined.add(part->ids);
  mx::array stream =
      models::computed_stream(model_, layers_, joined.array(), joined.context(model_));
  mx::eval(stream);
  check_mapped_files();  // before anything of it is kept
  const size_t row = form_.dtype().size() * static_cast<size_t>(form_.width());
  const auto* computed = stream.data<char>();
  std::vector<std::byte> kept;
  for (const Part* part : missing) {
    const auto count = static_cast<int64_t>(part->ids.size());
    kept.resize(static_cast<size_t>(count) * form_.row_bytes());
    form_.keep(computed, count, kept.data());
    form_.restore(kept.data(), count, rows + static_cast<size_t>(part->begin) * row);
    store_.keep(part->key, kept);
    computed += static_cast<size_t>(count) * row;
  }
}

mx::array FrozenTrunk::stream(const mx::array& ids, const models::Context& context) const {
  const int n = ids.shape(0);
  if (n <= ops::most_few_rows()) return models::computed_stream(model_, layers_, ids, context);
  std::vector<Part> parts = parts_of(ids, context);
  const size_t row = form_.dtype().size() * static_cast<size_t>(form_.width());
  mx::allocator::Data data = io::allocate(static_cast<size_t>(n) * row);
  auto* rows = static_cast<std::byte*>(data.buffer().raw_ptr());

  std::vector<Part*> missing;
  int64_t missing_rows = 0;
  std::vector<std::byte> kept;
  for (Part& part : parts) {
    const auto count = static_cast<int64_t>(part.ids.size());
    kept.resize(static_cast<size_t>(count) * form_.row_bytes());
    if (store_.read(part.key, kept)) {
      form_.restore(kept.data(), count, rows + static_cast<size_t>(part.begin) * row);
    } else {
      missing.push_back(&part);
      missing_rows += count;
    }
  }
  // So few rows would be multiplied in another way than the batch.
  if (missing_rows > 0 && missing_rows <= ops::most_few_rows()) {
    missing.clear();
    for (Part& part : parts) missing.push_back(&part);
  }
  if (!missing.empty()) compute(missing, rows);
  without_weights_ = missing.empty() ? without_weights_ + 1 : 0;
  if (without_weights_ == kQuietBatches && release_) release_();
  return mx::array(std::move(data), {n, form_.width()}, form_.dtype());
}

RowForm form_of(const models::Model& model, int bits) {
  const mx::array one = model.embed(mx::array({0}, {1}, mx::int32), {}).stream;
  return {one.shape(1), one.dtype(), bits};
}

bool rows_are_independent(models::Model& model, int layers) {
  const auto linears = models::linears_of(model.parts());
  return std::none_of(linears.begin(), linears.end(), [&](const models::LinearPart& part) {
    return part.layer < layers && std::holds_alternative<nn::ExpertLinear*>(part.linear);
  });
}

}  // namespace graft::trunk
