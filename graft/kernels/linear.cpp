#include "graft/kernels/linear.h"

#include <vector>

#include "graft/base/error.h"
#include "graft/kernels/lora.h"
#include "graft/kernels/matvec.h"

namespace graft::kernels {
namespace {

MatvecProduct<DenseMatrix> dense(const LinearProduct& p) {
  return {{p.w.data, p.w.type, p.w.out, p.w.in}, p.bias, p.y};
}

MatvecProduct<QuantizedMatrix> quantized(const LinearProduct& p) {
  return {p.w.matrix, p.bias, p.y};
}

bool alike(const LinearWeight& a, const LinearWeight& b) {
  if (a.quantized != b.quantized) return false;
  return !a.quantized || a.matrix.is_stored_as(b.matrix);
}

template <class Matrix>
void multiply(std::span<const LinearProduct> products, const Rows& x, ScalarType y_type,
              MatvecProduct<Matrix> (*described)(const LinearProduct&)) {
  std::vector<MatvecProduct<Matrix>> all;
  for (const LinearProduct& p : products) all.push_back(described(p));
  matvec(all, x.rows, x.data, x.type, y_type);
}

void multiply_few(std::span<const LinearProduct> products, const Rows& x, ScalarType y_type) {
  for (size_t begin = 0, end = 0; begin < products.size(); begin = end) {
    while (end < products.size() && alike(products[begin].w, products[end].w)) ++end;
    const auto together = products.subspan(begin, end - begin);
    if (products[begin].w.quantized) {
      multiply(together, x, y_type, quantized);
    } else {
      multiply(together, x, y_type, dense);
    }
  }
  for (const LinearProduct& p : products) {
    // The last one multiplies by the factors.
    for (size_t i = 0; i < p.low_rank.size(); ++i) {
      const LowRankTerm& term = p.low_rank[i];
      lora_up_add({x.rows, p.w.in, p.w.out, term.rank, y_type}, term.left, term.right, term.scale,
                  p.y, i + 1 == p.low_rank.size() ? p.factors : nullptr);
    }
  }
}

int64_t most_few(const LinearProduct& p, ScalarType x_type) {
  return p.w.quantized ? few_rows(quantized(p).w, x_type) : few_rows(dense(p).w, x_type);
}

}  // namespace

void linear(std::span<const LinearProduct> products, const Rows& x, ScalarType y_type, bool int8) {
  if (x.rows == 0) return;
  for (const LinearProduct& p : products) {
    if (p.factors != nullptr && (p.bias != nullptr || p.low_rank.empty())) {
      fail("internal: factors of a product are for one with an adapter and without a bias");
    }
  }
  // Those with few rows together.
  std::vector<LinearProduct> few;
  for (const LinearProduct& p : products) {
    if (x.rows <= most_few(p, x.type)) few.push_back(p);
  }
  if (few.size() == products.size()) return multiply_few(products, x, y_type);
  multiply_few(few, x, y_type);
  for (const LinearProduct& p : products) {
    if (x.rows <= most_few(p, x.type)) continue;
    const ProductTerm term{x.data, x.type, p.w, true};
    panel_product(
        {x.rows, p.w.out, {&term, 1}, p.low_rank, p.bias, p.y, y_type, false, p.factors, int8});
  }
}

}  // namespace graft::kernels
