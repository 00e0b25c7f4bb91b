#include "graft/jinja/comparison.h"

#include <algorithm>

#include "graft/jinja/value_limits.h"

namespace graft::jinja {
namespace {

constexpr int64_t kMaxComparisons = 10'000'000;

void count_pair(const Value& x, const Value& y, int depth, int64_t& work) {
  check_nesting(depth);
  ++work;
  if (x.string() != nullptr && y.string() != nullptr) {
    work += static_cast<int64_t>(std::min(x.string()->size(), y.string()->size()) / 64);
  }
  if (work > kMaxComparisons) refuse("a comparison takes more than {} steps", kMaxComparisons);
}

bool equal_at(const Value& x, const Value& y, int depth, int64_t& work) {
  count_pair(x, y, depth, work);
  if (x.is_undefined() || y.is_undefined()) return x.is_undefined() && y.is_undefined();
  if (x.is_none() || y.is_none()) return x.is_none() && y.is_none();
  if (x.is_number() && y.is_number()) {
    const auto a = x.integer(), b = y.integer();
    return a && b ? *a == *b : *x.number() == *y.number();
  }
  if (x.string() != nullptr && y.string() != nullptr) return *x.string() == *y.string();
  if (x.list() != nullptr && y.list() != nullptr) {
    return x.is_tuple() == y.is_tuple() &&
           std::equal(
               x.list()->begin(), x.list()->end(), y.list()->begin(), y.list()->end(),
               [&](const Value& a, const Value& b) { return equal_at(a, b, depth + 1, work); });
  }
  if (x.dict() != nullptr && y.dict() != nullptr) {
    if (x.dict()->items().size() != y.dict()->items().size()) return false;
    return std::all_of(x.dict()->items().begin(), x.dict()->items().end(), [&](const auto& item) {
      const Value* other = y.dict()->find(item.first);
      return other != nullptr && equal_at(item.second, *other, depth + 1, work);
    });
  }
  return x.object() != nullptr && x.object() == y.object();
}

int compare_at(const Value& x, const Value& y, int depth, int64_t& work) {
  count_pair(x, y, depth, work);
  if (x.is_number() && y.is_number()) {
    const auto a = x.integer(), b = y.integer();
    if (a && b) return *a < *b ? -1 : *a > *b;
    return *x.number() < *y.number() ? -1 : *x.number() > *y.number();
  }
  if (x.string() != nullptr && y.string() != nullptr) return x.string()->compare(*y.string());
  if (x.list() != nullptr && y.list() != nullptr && x.is_tuple() == y.is_tuple()) {
    const size_t count = std::min(x.list()->size(), y.list()->size());
    for (size_t i = 0; i < count; ++i) {
      const Value &a = (*x.list())[i], &b = (*y.list())[i];
      if (!equal_at(a, b, depth + 1, work)) return compare_at(a, b, depth + 1, work);
    }
    return x.list()->size() < y.list()->size() ? -1 : x.list()->size() > y.list()->size();
  }
  if (x.is_undefined()) refuse("{}", x.undefined()->reason());
  if (y.is_undefined()) refuse("{}", y.undefined()->reason());
  refuse("values of type {} and {} have no order", type_name(x), type_name(y));
}

}  // namespace

bool equal(const Value& x, const Value& y, int64_t& work) {
  int64_t own = 0;
  const bool result = equal_at(x, y, 0, own);
  work += own;
  return result;
}

int compare(const Value& x, const Value& y, int64_t& work) {
  int64_t own = 0;
  const int result = compare_at(x, y, 0, own);
  work += own;
  return result;
}

}  // namespace graft::jinja
