#include "graft/jinja/item_filters.h"

#include <algorithm>
#include <functional>

#include "graft/jinja/filters.h"
#include "graft/jinja/interpreter.h"
#include "graft/jinja/operations.h"
#include "graft/jinja/print.h"
#include "graft/jinja/tests.h"
#include "graft/jinja/text.h"

namespace graft::jinja::filters {
namespace {

// The items of x; a generator's are then used up.
List taken(Interpreter& interpreter, const Value& x) { return interpreter.items(x); }

// What `attribute=` names in an item: "a.b" or an index.
Value part_of(Interpreter& interpreter, const Value& item, const Value& path,
              const Value* otherwise = nullptr) {
  if (path.integer()) return interpreter.subscript(item, path);
  Value x = item;
  const std::string dot = ".";
  for (const std::string& part : split(string_of(path, "an attribute"), &dot, -1)) {
    const bool digits =
        !part.empty() && part.size() < 10 &&
        std::all_of(part.begin(), part.end(), [](char c) { return c >= '0' && c <= '9'; });
    x = interpreter.subscript(x, digits ? Value(int64_t{std::stol(part)}) : Value(part));
    if (x.is_undefined() && otherwise != nullptr) return *otherwise;
  }
  return x;
}

Value lower_if_text(Interpreter& interpreter, const Value& x) {
  if (x.string() == nullptr) return x;
  interpreter.charge(x);
  return lower(*x.string());
}

// The key by which items are ordered or told apart.
class Key {
 public:
  Key(Interpreter& interpreter, const Parameters& p)
      : interpreter_(interpreter), case_sensitive_(p.truth_or("case_sensitive", false)) {
    const Value* path = p.find("attribute");
    if (path == nullptr || path->is_none()) return;
    const std::string comma = ",";
    if (path->string() == nullptr) {
      paths_.push_back(*path);
    } else {
      for (const std::string& part : split(*path->string(), &comma, -1)) paths_.emplace_back(part);
    }
  }

  Value of(const Value& item) const {
    if (paths_.empty()) return without_case(item);
    List parts;
    for (const Value& path : paths_)
      parts.push_back(without_case(part_of(interpreter_, item, path)));
    return parts.size() == 1 ? parts[0] : Value(std::move(parts));
  }

 private:
  Value without_case(const Value& x) const {
    return case_sensitive_ ? x : lower_if_text(interpreter_, x);
  }

  Interpreter& interpreter_;
  bool case_sensitive_;
  List paths_;
};

void sort_by(Interpreter& interpreter, List& items, bool reverse,
             const std::function<Value(const Value&)>& key_of) {
  std::vector<std::pair<Value, Value>> keyed;
  for (const Value& item : items) keyed.emplace_back(key_of(item), item);
  std::stable_sort(keyed.begin(), keyed.end(), [&](const auto& a, const auto& b) {
    return reverse ? interpreter.compare(a.first, b.first) > 0
                   : interpreter.compare(a.first, b.first) < 0;
  });
  for (size_t i = 0; i < items.size(); ++i) items[i] = keyed[i].second;
}

// The arguments from the `first` on.
Arguments rest_of(const Arguments& arguments, size_t first) {
  Arguments rest;
  rest.named = arguments.named;
  if (first < arguments.positional.size()) {
    rest.positional.assign(arguments.positional.begin() + static_cast<std::ptrdiff_t>(first),
                           arguments.positional.end());
  }
  return rest;
}

// select, reject, selectattr, rejectattr.
Value selected(Interpreter& interpreter, const Value& x, const Arguments& arguments,
               bool of_attribute, bool wanted) {
  const size_t name_at = of_attribute ? 1 : 0;
  if (of_attribute && arguments.positional.empty()) refuse("selectattr needs an attribute");
  TestFunction test = nullptr;
  if (arguments.positional.size() > name_at) {
    const std::string& name = string_of(arguments.positional[name_at], "the name of a test");
    test = find_test(name);
    if (test == nullptr) refuse("no test named '{}'", name);
  }
  const Arguments rest = rest_of(arguments, name_at + 1);
  List passed;
  for (Value& item : taken(interpreter, x)) {
    const Value part = of_attribute ? part_of(interpreter, item, arguments.positional[0]) : item;
    const bool holds = test == nullptr ? truth(part) : test(interpreter, part, rest);
    if (holds == wanted) passed.push_back(std::move(item));
  }
  return generator(std::move(passed));
}

// max and min.
Value extreme(Interpreter& interpreter, const Value& x, const Arguments& arguments, bool greatest) {
  const Parameters p("min", arguments, {"case_sensitive", "attribute"});
  const Key key(interpreter, p);
  const List items = taken(interpreter, x);
  const Value* best = nullptr;
  for (const Value& item : items) {
    if (best == nullptr) {
      best = &item;
      continue;
    }
    const int order = interpreter.compare(key.of(item), key.of(*best));
    if (greatest ? order > 0 : order < 0) best = &item;
  }
  if (best == nullptr) return Undefined{"No aggregated item, sequence was empty."};
  return *best;
}

}  // namespace

Value otherwise(Interpreter&, const Value& x, const Arguments& arguments) {
  const Parameters p("default", arguments, {"default_value", "boolean"});
  const bool replace = x.is_undefined() || (p.truth_or("boolean", false) && !truth(x));
  return replace ? p.value_or("default_value", "") : x;
}

Value attr(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const std::string& name = Parameters("attr", arguments, {"name"}).string("name");
  Value found = interpreter.attribute(x, name);
  // A key of a dict is not an attribute.
  if (x.dict() == nullptr || found.object() != nullptr) return found;
  return Undefined{fmt::format("'dict object' has no attribute '{}'", name)};
}

Value count(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  Parameters("length", arguments, {});
  const auto size = length(x);
  if (!size) refuse("object of type '{}' has no len()", type_name(x));
  interpreter.step(*size / 64);
  return *size;
}

Value list(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  Parameters("list", arguments, {});
  return taken(interpreter, x);
}

Value items(Interpreter&, const Value& x, const Arguments& arguments) {
  Parameters("items", arguments, {});
  if (x.is_undefined()) return generator({});
  if (x.dict() == nullptr) refuse("items needs a mapping, not {}", type_name(x));
  List out;
  for (const auto& [key, value] : x.dict()->items()) out.push_back(Value::tuple({key, value}));
  return generator(std::move(out));
}

Value select(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  return selected(interpreter, x, arguments, false, true);
}

Value reject(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  return selected(interpreter, x, arguments, false, false);
}

Value select_attribute(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  return selected(interpreter, x, arguments, true, true);
}

Value reject_attribute(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  return selected(interpreter, x, arguments, true, false);
}

Value largest(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  return extreme(interpreter, x, arguments, true);
}

Value smallest(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  return extreme(interpreter, x, arguments, false);
}

Value mapped(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  List out;
  if (arguments.positional.empty()) {
    const Parameters p("map", arguments, {"attribute", "default"});
    const Value* otherwise = p.find("default");
    for (const Value& item : taken(interpreter, x)) {
      out.push_back(part_of(interpreter, item, p.at("attribute"), otherwise));
    }
    return generator(std::move(out));
  }
  const std::string& name = string_of(arguments.positional[0], "the name of a filter");
  const FilterFunction filter = find_filter(name);
  if (filter == nullptr) refuse("no filter named '{}'", name);
  const Arguments rest = rest_of(arguments, 1);
  for (const Value& item : taken(interpreter, x)) {
    interpreter.charge(item);
    out.push_back(filter(interpreter, item, rest));
    interpreter.charge(out.back());
  }
  return generator(std::move(out));
}

Value grouped(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("groupby", arguments, {"attribute", "default", "case_sensitive"});
  const Key key(interpreter, p);
  List items = taken(interpreter, x);
  sort_by(interpreter, items, false, [&](const Value& item) { return key.of(item); });
  List groups, group;
  Value current;
  const auto flush = [&] {
    if (group.empty()) return;
    Value name = part_of(interpreter, group[0], p.at("attribute"));
    groups.push_back(Value::tuple({std::move(name), std::exchange(group, {})}));
  };
  for (Value& item : items) {
    Value name = key.of(item);
    if (!group.empty() && !interpreter.equal(name, current)) flush();
    current = std::move(name);
    group.push_back(std::move(item));
  }
  flush();
  return groups;
}

Value unique(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("unique", arguments, {"case_sensitive", "attribute"});
  const Key key(interpreter, p);
  List seen, out;
  for (Value& item : taken(interpreter, x)) {
    Value name = key.of(item);
    if (std::any_of(seen.begin(), seen.end(),
                    [&](const Value& y) { return interpreter.equal(name, y); })) {
      continue;
    }
    seen.push_back(std::move(name));
    out.push_back(std::move(item));
  }
  return generator(std::move(out));
}

Value sum(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("sum", arguments, {"attribute", "start"});
  const Value* path = p.find("attribute");
  Value total = p.value_or("start", int64_t{0});
  for (const Value& item : taken(interpreter, x)) {
    const bool whole = path == nullptr || path->is_none();
    total = apply(interpreter, BinaryOperator::add, total,
                  whole ? item : part_of(interpreter, item, *path));
  }
  return total;
}

Value dictsort(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = p.string_or("by", "key");
  if (by != "key" && by != "value") refuse("dictsort: 'by' is \"key\" or \"value\"");
  if (defined(x).dict() == nullptr) refuse("dictsort needs a mapping, not {}", type_name(x));
  List items;
  for (const auto& [key, value] : x.dict()->items()) items.push_back(Value::tuple({key, value}));
  const bool case_sensitive = p.truth_or("case_sensitive", false);
  sort_by(interpreter, items, p.truth_or("reverse", false), [&](const Value& item) {
    const Value& part = (*item.list())[by == "key" ? 0 : 1];
    return case_sensitive ? part : lower_if_text(interpreter, part);
  });
  return items;
}

Value batch(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("batch", arguments, {"linecount", "fill_with"});
  const int64_t count = p.integer_or("linecount", 0);
  if (count < 1) refuse("batch: 'linecount' must be at least 1");
  List rows, row;
  for (Value& item : taken(interpreter, x)) {
    if (static_cast<int64_t>(row.size()) == count) rows.push_back(std::exchange(row, {}));
    row.push_back(std::move(item));
  }
  const Value fill = p.value_or("fill_with", Value());
  if (!row.empty()) {
    if (!fill.is_none()) interpreter.step(count);
    while (!fill.is_none() && static_cast<int64_t>(row.size()) < count) row.push_back(fill);
    rows.push_back(std::move(row));
  }
  return generator(std::move(rows));
}

Value sliced(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("slice", arguments, {"slices", "fill_with"});
  const int64_t slices = p.integer_or("slices", 0);
  if (slices < 1 || slices > 100'000) refuse("slice: 'slices' must be from 1 to 100000");
  const List items = taken(interpreter, x);
  const auto size = static_cast<int64_t>(items.size());
  const int64_t each = size / slices, longer = size % slices;
  const Value fill = p.value_or("fill_with", Value());
  List rows;
  int64_t at = 0;
  for (int64_t i = 0; i < slices; ++i) {
    const int64_t end = at + each + (i < longer ? 1 : 0);
    List row(items.begin() + at, items.begin() + end);
    if (!fill.is_none() && i >= longer) row.push_back(fill);
    rows.emplace_back(std::move(row));
    at = end;
  }
  return generator(std::move(rows));
}

Value join(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("join", arguments, {"d", "attribute"});
  const std::string separator = to_string(p.value_or("d", ""));
  const Value* path = p.find("attribute");
  std::string out;
  bool first = true;
  for (const Value& item : taken(interpreter, x)) {
    if (!std::exchange(first, false)) out += separator;
    const bool whole = path == nullptr || path->is_none();
    out += to_string(whole ? item : part_of(interpreter, item, *path));
    interpreter.produced(out.size());
  }
  interpreter.step(static_cast<int64_t>(out.size() / 16));
  return out;
}

Value first(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  Parameters("first", arguments, {});
  const List items = taken(interpreter, x);
  if (items.empty()) return Undefined{"No first item, sequence was empty."};
  return items.front();
}

Value last(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  Parameters("last", arguments, {});
  const List items = taken(interpreter, x);
  if (items.empty()) return Undefined{"No last item, sequence was empty."};
  return items.back();
}

Value reversed(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  Parameters("reverse", arguments, {});
  List items = taken(interpreter, x);
  std::reverse(items.begin(), items.end());
  if (x.string() == nullptr) return generator(std::move(items));
  std::string out;
  for (const Value& item : items) out += *item.string();
  return out;
}

Value sorted(Interpreter& interpreter, const Value& x, const Arguments& arguments) {
  const Parameters p("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  const Key key(interpreter, p);
  List items = taken(interpreter, x);
  sort_by(interpreter, items, p.truth_or("reverse", false),
          [&](const Value& item) { return key.of(item); });
  return items;
}

}  // namespace graft::jinja::filters
