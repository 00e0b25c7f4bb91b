#include "graft/kernels/linear.h"

#include "graft/kernels/lora.h"
#include "graft/kernels/matvec.h"

namespace graft::kernels {
namespace {

constexpr int64_t kMatvecRows = 4;

void few_rows(const LinearWeight& w, const Rows& x, const void* bias,
              std::span<const LowRankTerm> low_rank, const Rows& y) {
  if (w.quantized) {
    matvec(w.matrix, x.rows, x.data, x.type, bias, y.data, y.type);
  } else {
    matvec(DenseMatrix{w.data, w.type, w.out, w.in}, x.rows, x.data, x.type, bias, y.data, y.type);
  }
  for (const LowRankTerm& term : low_rank) {
    lora_up_add({x.rows, w.in, w.out, term.rank, y.type}, term.left, term.right, term.scale,
                y.data);
  }
}

}  // namespace

void linear(const LinearWeight& w, const Rows& x, const void* bias,
            std::span<const LowRankTerm> low_rank, const Rows& y) {
  if (x.rows == 0) return;
  if (x.rows <= kMatvecRows) return few_rows(w, x, bias, low_rank, y);
  const ProductTerm term{x.data, x.type, w, true};
  panel_product({x.rows, w.out, {&term, 1}, low_rank, bias, y.data, y.type});
}

}  // namespace graft::kernels
