#include "graft/jinja/value.h"

#include <algorithm>

#include "graft/jinja/comparison.h"
#include "graft/jinja/error.h"
#include "graft/unicode/unicode.h"

namespace graft::jinja {

void bury(void* body, void (*destroy)(void* body)) {
  static thread_local std::vector<std::pair<void*, void (*)(void*)>> buried;
  static thread_local bool digging = false;
  buried.emplace_back(body, destroy);
  if (digging) return;
  digging = true;
  while (!buried.empty()) {
    const auto [next, destroy_next] = buried.back();
    buried.pop_back();
    destroy_next(next);
  }
  digging = false;
}

std::optional<Value> Object::attribute(Interpreter&, std::string_view) { return {}; }
bool Object::set_attribute(std::string_view, Value) { return false; }
Value Object::call(Interpreter&, const Arguments&) {
  refuse("'{}' object is not callable", type_name());
}
std::optional<List> Object::take_items() { return {}; }

namespace {

constexpr size_t kIndexed = 16;  // items from which on a dict has an index

bool same_key(const Value& x, const Value& y) {
  int64_t work = 0;  // not counted again: making or reading the key was
  return equal(x, y, work);
}

// Equal values have equal hashes.
size_t hash_of(const Value& x) {
  if (const std::string* text = x.string()) return std::hash<std::string>()(*text);
  if (const auto number = x.number()) return std::hash<double>()(*number);
  return x.list() != nullptr ? x.list()->size() : 0;
}

}  // namespace

const Value* Dict::find_hashed(const Value& key) const {
  const auto [begin, end] = index_.equal_range(hash_of(key));
  for (auto entry = begin; entry != end; ++entry) {
    if (same_key(items_[entry->second].first, key)) return &items_[entry->second].second;
  }
  return nullptr;
}

const Value* Dict::find(const Value& key) const {
  if (items_.size() >= kIndexed) return find_hashed(key);
  for (const auto& item : items_) {
    if (same_key(item.first, key)) return &item.second;
  }
  return nullptr;
}

const Value* Dict::find(std::string_view key) const {
  if (items_.size() >= kIndexed) return find_hashed(Value(key));
  for (const auto& item : items_) {
    const std::string* name = item.first.string();
    if (name != nullptr && *name == key) return &item.second;
  }
  return nullptr;
}

void Dict::set(Value key, Value value) {
  if (const Value* old = find(key)) {
    *const_cast<Value*>(old) = std::move(value);
  } else {
    items_.emplace_back(std::move(key), std::move(value));
    if (items_.size() == kIndexed) {
      for (size_t i = 0; i < kIndexed; ++i) index_.emplace(hash_of(items_[i].first), i);
    } else if (items_.size() > kIndexed) {
      index_.emplace(hash_of(items_.back().first), items_.size() - 1);
    }
  }
}

Value Value::tuple(List items) {
  return Value(Data(Tuple{make_buried<const List>(std::move(items))}));
}

const std::string* Value::string() const {
  const auto* x = std::get_if<std::shared_ptr<const std::string>>(&data_);
  return x == nullptr ? nullptr : x->get();
}

bool Value::append(std::string_view text) {
  auto* x = std::get_if<std::shared_ptr<const std::string>>(&data_);
  if (x == nullptr || x->use_count() != 1) return false;
  const_cast<std::string&>(**x).append(text);  // which was made without const
  return true;
}

const Dict* Value::dict() const {
  const auto* x = std::get_if<std::shared_ptr<const Dict>>(&data_);
  return x == nullptr ? nullptr : x->get();
}

Object* Value::object() const {
  const auto* x = std::get_if<std::shared_ptr<Object>>(&data_);
  return x == nullptr ? nullptr : x->get();
}

const List* Value::list() const {
  if (const auto* x = std::get_if<std::shared_ptr<const List>>(&data_)) return x->get();
  if (const auto* x = std::get_if<Tuple>(&data_)) return x->items.get();
  return nullptr;
}

std::optional<int64_t> Value::integer() const {
  if (const auto* x = std::get_if<int64_t>(&data_)) return *x;
  if (const auto* x = std::get_if<bool>(&data_)) return *x ? 1 : 0;
  return {};
}

std::optional<double> Value::number() const {
  if (const auto* x = std::get_if<double>(&data_)) return *x;
  if (const auto x = integer()) return static_cast<double>(*x);
  return {};
}

bool truth(const Value& x) {
  if (x.is_undefined() || x.is_none()) return false;
  if (const auto number = x.number()) return *number != 0;
  if (const std::string* text = x.string()) return !text->empty();
  if (const List* items = x.list()) return !items->empty();
  if (const Dict* dict = x.dict()) return !dict->items().empty();
  return true;
}

std::string type_name(const Value& x) {
  if (x.is_undefined()) return "Undefined";
  if (x.is_none()) return "NoneType";
  if (x.is_bool()) return "bool";
  if (x.is_integer()) return "int";
  if (x.is_real()) return "float";
  if (x.string() != nullptr) return "str";
  if (x.list() != nullptr) return x.is_tuple() ? "tuple" : "list";
  if (x.dict() != nullptr) return "dict";
  return x.object()->type_name();
}

List items_of(const Value& x) {
  if (x.is_undefined()) return {};
  if (const List* items = x.list()) return *items;
  List items;
  if (const Dict* dict = x.dict()) {
    for (const auto& item : dict->items()) items.push_back(item.first);
    return items;
  }
  if (const std::string* text = x.string()) {
    for (size_t i = 0; i < text->size();) {
      const auto c = unicode::decode(text->data() + i);
      items.emplace_back(text->substr(i, c.size));
      i += c.size;
    }
    return items;
  }
  if (Object* object = x.object()) {
    if (auto taken = object->take_items()) return std::move(*taken);
  }
  refuse("'{}' object is not iterable", type_name(x));
}

std::optional<int64_t> length(const Value& x) {
  if (x.is_undefined()) return 0;
  if (const List* items = x.list()) return static_cast<int64_t>(items->size());
  if (const Dict* dict = x.dict()) return static_cast<int64_t>(dict->items().size());
  if (x.string() == nullptr) return {};
  const std::string& text = *x.string();
  return std::count_if(text.begin(), text.end(),
                       [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; });
}

}  // namespace graft::jinja
