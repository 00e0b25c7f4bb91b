#include "graft/io/gguf_metadata.h"

#include "graft/base/error.h"
#include "graft/io/gguf_cursor.h"
#include "graft/io/json.h"

namespace graft::io {
namespace {

constexpr size_t kMaxKey = 65535;
constexpr int kMaxDepth = 4;  // arrays in arrays

GgufValueType read_type(GgufCursor& cursor, std::string_view subject) {
  auto number = cursor.number<uint32_t>(subject);
  if (number > static_cast<uint32_t>(GgufValueType::f64)) {
    fail("{}: {} has the unknown type {}", cursor.what(), subject, number);
  }
  return static_cast<GgufValueType>(number);
}

// Walks over `count` elements.
void skip_elements(GgufCursor& cursor, GgufValueType type, uint64_t count, int depth,
                   std::string_view subject) {
  if (size_t size = size_of(type); size > 0) {
    uint64_t bytes = 0;
    if (__builtin_mul_overflow(count, uint64_t{size}, &bytes)) bytes = UINT64_MAX;
    cursor.take(bytes, subject);
    return;
  }
  if (depth > kMaxDepth) {
    fail("{}: {} holds arrays nested deeper than {}", cursor.what(), subject, kMaxDepth);
  }
  constexpr size_t kLeast = 8;  // a length
  if (count > cursor.remaining() / kLeast) {
    fail("{}: {} claims {} elements in the {} bytes that are left", cursor.what(), subject, count,
         cursor.remaining());
  }
  for (uint64_t i = 0; i < count; ++i) {
    if (type == GgufValueType::text) {
      cursor.text(subject);
    } else {
      GgufValueType inner = read_type(cursor, subject);
      auto inner_count = cursor.number<uint64_t>(subject);
      skip_elements(cursor, inner, inner_count, depth + 1, subject);
    }
  }
}

bool is_integer(GgufValueType type) {
  switch (type) {
    case GgufValueType::f32:
    case GgufValueType::f64:
    case GgufValueType::boolean:
    case GgufValueType::text:
    case GgufValueType::array:
      return false;
    default:
      return true;
  }
}

bool is_number(GgufValueType type) {
  return is_integer(type) || type == GgufValueType::f32 || type == GgufValueType::f64;
}

template <class Stored, class Result>
Result stored_as(const char* data) {
  Stored value;
  std::memcpy(&value, data, sizeof value);
  return static_cast<Result>(value);
}

// A number in the file; u64 beyond i64 wraps where Result is int64_t.
template <class Result>
Result decode(GgufValueType type, const char* data) {
  switch (type) {
    case GgufValueType::u8:
    case GgufValueType::boolean:
      return stored_as<uint8_t, Result>(data);
    case GgufValueType::i8:
      return stored_as<int8_t, Result>(data);
    case GgufValueType::u16:
      return stored_as<uint16_t, Result>(data);
    case GgufValueType::i16:
      return stored_as<int16_t, Result>(data);
    case GgufValueType::u32:
      return stored_as<uint32_t, Result>(data);
    case GgufValueType::i32:
      return stored_as<int32_t, Result>(data);
    case GgufValueType::u64:
      return stored_as<uint64_t, Result>(data);
    case GgufValueType::i64:
      return stored_as<int64_t, Result>(data);
    case GgufValueType::f32:
      return stored_as<float, Result>(data);
    case GgufValueType::f64:
      return stored_as<double, Result>(data);
    case GgufValueType::text:
    case GgufValueType::array:
      break;
  }
  return Result{};
}

}  // namespace

void GgufMetadata::read_pair(GgufCursor& cursor) {
  std::string key(cursor.text("a metadata key"));
  std::string subject = "the metadata " + in_quotes(key);
  if (key.size() > kMaxKey) {
    fail("{}: a metadata key of {} bytes is too long", what_, key.size());
  }
  Entry entry;
  entry.type = read_type(cursor, subject);
  if (entry.type == GgufValueType::array) {
    entry.is_array = true;
    entry.type = read_type(cursor, subject);
    entry.count = cursor.number<uint64_t>(subject);
  }
  GgufCursor start = cursor;
  skip_elements(cursor, entry.type, entry.count, 1, subject);
  entry.bytes = start.take(cursor.offset() - start.offset(), subject);
  if (!entries_.emplace(key, entry).second) fail("{}: {} is there twice", what_, subject);
}

std::vector<std::string> GgufMetadata::keys() const {
  std::vector<std::string> keys;
  for (const auto& [key, entry] : entries_) keys.push_back(key);
  return keys;
}

const GgufMetadata::Entry* GgufMetadata::find(const std::string& key) const {
  auto found = entries_.find(key);
  return found == entries_.end() ? nullptr : &found->second;
}

const GgufMetadata::Entry* GgufMetadata::find_array(const std::string& key) const {
  const Entry* entry = find(key);
  if (entry != nullptr && !entry->is_array) refuse(key, "an array");
  return entry;
}

const GgufMetadata::Entry* GgufMetadata::find_single(const std::string& key) const {
  const Entry* entry = find(key);
  if (entry != nullptr && entry->is_array) refuse(key, "a single value");
  return entry;
}

void GgufMetadata::refuse(const std::string& key, std::string_view expected) const {
  fail("{}: the metadata {} is not {}", what_, in_quotes(key), expected);
}

std::optional<std::string_view> GgufMetadata::text(const std::string& key) const {
  const Entry* entry = find_single(key);
  if (entry == nullptr) return std::nullopt;
  if (entry->type != GgufValueType::text) refuse(key, "a text");
  return entry->bytes.substr(sizeof(uint64_t));
}

std::optional<uint64_t> GgufMetadata::unsigned_number(const std::string& key) const {
  const Entry* entry = find_single(key);
  if (entry == nullptr) return std::nullopt;
  if (!is_integer(entry->type)) refuse(key, "a whole number");
  bool is_unsigned = entry->type == GgufValueType::u64;
  if (!is_unsigned && decode<int64_t>(entry->type, entry->bytes.data()) < 0) {
    refuse(key, "a number of 0 or more");
  }
  return decode<uint64_t>(entry->type, entry->bytes.data());
}

std::optional<double> GgufMetadata::number(const std::string& key) const {
  const Entry* entry = find_single(key);
  if (entry == nullptr) return std::nullopt;
  if (!is_number(entry->type)) refuse(key, "a number");
  return decode<double>(entry->type, entry->bytes.data());
}

std::optional<bool> GgufMetadata::flag(const std::string& key) const {
  const Entry* entry = find_single(key);
  if (entry == nullptr) return std::nullopt;
  if (entry->type != GgufValueType::boolean) refuse(key, "true or false");
  return decode<uint64_t>(entry->type, entry->bytes.data()) != 0;
}

std::optional<std::vector<std::string_view>> GgufMetadata::texts(const std::string& key) const {
  const Entry* entry = find_array(key);
  if (entry == nullptr) return std::nullopt;
  if (entry->type != GgufValueType::text) refuse(key, "an array of texts");
  std::vector<std::string_view> result;
  result.reserve(entry->count);
  GgufCursor cursor(entry->bytes, what_);
  for (uint64_t i = 0; i < entry->count; ++i) result.push_back(cursor.text(key));
  return result;
}

std::optional<std::vector<int64_t>> GgufMetadata::integers(const std::string& key) const {
  const Entry* entry = find_array(key);
  if (entry == nullptr) return std::nullopt;
  if (!is_integer(entry->type)) refuse(key, "an array of whole numbers");
  std::vector<int64_t> result(entry->count);
  for (size_t i = 0; i < result.size(); ++i) {
    const char* data = entry->bytes.data() + i * size_of(entry->type);
    result[i] = decode<int64_t>(entry->type, data);
    if (entry->type == GgufValueType::u64 && result[i] < 0)
      refuse(key, "an array of small numbers");
  }
  return result;
}

std::optional<std::vector<double>> GgufMetadata::numbers(const std::string& key) const {
  const Entry* entry = find_array(key);
  if (entry == nullptr) return std::nullopt;
  if (!is_number(entry->type)) refuse(key, "an array of numbers");
  std::vector<double> result(entry->count);
  for (size_t i = 0; i < result.size(); ++i) {
    result[i] = decode<double>(entry->type, entry->bytes.data() + i * size_of(entry->type));
  }
  return result;
}

std::optional<size_t> GgufMetadata::count(const std::string& key) const {
  const Entry* entry = find_array(key);
  if (entry == nullptr) return std::nullopt;
  return entry->count;
}

}  // namespace graft::io
