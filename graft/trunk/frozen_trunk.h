#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "graft/models/trunk.h"
#include "graft/trunk/row_form.h"
#include "graft/trunk/row_store.h"

namespace graft::trunk {

/// Layers that compute each example once: what they give for it is kept, and taken from there ever
/// after.
///
/// On our kernels a row of a batch does not depend on the others, so that the bytes are those of
/// the layers themselves, whatever batches examples come in; but for batches so small that products
/// go another way (ops::most_few_rows), which are computed each time.
class FrozenTrunk final : public models::Trunk {
 public:
  /// Called when many batches in a row have needed none of the layers' weights.
  using Release = std::function<void()>;

  /// Model and store must outlive it.
  FrozenTrunk(const models::Model& model, int layers, RowForm form, RowStore& store,
              Release release = {});

  int layers() const override { return layers_; }
  /// As models::Trunk says; computed by now. With a form that is not exact the rows are rounded the
  /// first time, too. Throws Error if the model's files have changed.
  mx::array stream(const mx::array& ids, const models::Context& context) const override;

 private:
  struct Part;
  std::vector<Part> parts_of(const mx::array& ids, const models::Context& context) const;
  void compute(const std::vector<Part*>& missing, std::byte* rows) const;

  const models::Model& model_;
  int layers_;
  RowForm form_;
  RowStore& store_;
  Release release_;
  mutable int without_weights_ = 0;  // batches in a row
};

/// The form of rows of this model's residual stream. Throws as RowForm does.
RowForm form_of(const models::Model& model, int bits);

/// Whether a batch's rows are independent of each other in these layers, so that they can be kept:
/// those of mixtures of experts are not, since the number of rows that an expert has decides how
/// they are multiplied.
bool rows_are_independent(models::Model& model, int layers);

}  // namespace graft::trunk
