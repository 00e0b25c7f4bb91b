#include "graft/parquet_reader/row_json.h"

#include <arrow/util/float16.h>
#include <arrow/util/utf8.h>

#include <charconv>
#include <cmath>
#include <stdexcept>
#include <string_view>

namespace {

constexpr int kMostNested = 48;  // structs and lists; each of a JSON text's 64 levels may be one

template <class Kind>
const Kind& as(const arrow::Array& array) {
  return static_cast<const Kind&>(array);
}

template <class Number>
void append_number(std::string& text, Number value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  text.append(digits, end);
}

void append_float(std::string& text, double value) {
  if (std::isnan(value)) {
    text += "NaN";
  } else if (std::isinf(value)) {
    text += value > 0 ? "Infinity" : "-Infinity";
  } else {
    const size_t begin = text.size();
    append_number(text, value);
    // What has no fraction is a float all the same.
    if (text.find_first_of(".e", begin) == std::string::npos) text += ".0";
  }
}

void append_binary(std::string& text, std::string_view value, const std::string& column) {
  if (!arrow::util::ValidateUTF8(value)) {
    throw std::runtime_error("the column \"" + column +
                             "\" holds binary that is not UTF-8: leave it out of the file");
  }
  append_quoted(text, value);
}

// Elements of a list, from `begin` up to `end`.
void append_elements(std::string& text, const arrow::Array& values, int64_t begin, int64_t end,
                     const std::string& column) {
  text += '[';
  for (int64_t i = begin; i < end; ++i) {
    if (i > begin) text += ", ";
    append_json(text, values, i, column);
  }
  text += ']';
}

template <class List>
void append_list(std::string& text, const List& list, int64_t index, const std::string& column) {
  const int64_t begin = list.value_offset(index);
  append_elements(text, *list.values(), begin, begin + list.value_length(index), column);
}

void append_struct(std::string& text, const arrow::StructArray& array, int64_t index,
                   const std::string& column) {
  text += '{';
  for (int i = 0; i < array.num_fields(); ++i) {
    if (i > 0) text += ", ";
    append_quoted(text, array.type()->field(i)->name());
    text += ": ";
    append_json(text, *array.field(i), index, column);
  }
  text += '}';
}

bool is_text(const arrow::DataType& type) {
  return arrow::is_base_binary_like(type.id()) || arrow::is_binary_view_like(type.id());
}

void append_map(std::string& text, const arrow::MapArray& map, int64_t index,
                const std::string& column) {
  const bool texts = is_text(*map.map_type()->key_type());
  const int64_t begin = map.value_offset(index), end = begin + map.value_length(index);
  text += texts ? '{' : '[';
  for (int64_t i = begin; i < end; ++i) {
    if (i > begin) text += ", ";
    if (!texts) text += "{\"key\": ";
    append_json(text, *map.keys(), i, column);
    text += texts ? ": " : ", \"value\": ";
    append_json(text, *map.items(), i, column);
    if (!texts) text += '}';
  }
  text += texts ? '}' : ']';
}

// What has no other form: as Arrow prints it.
void append_printed(std::string& text, const arrow::Array& array, int64_t index) {
  const auto value = array.GetScalar(index);
  if (!value.ok()) throw std::runtime_error(value.status().message());
  append_quoted(text, (*value)->ToString());
}

void check_nested(const arrow::DataType& type, const std::string& column, int depth) {
  if (depth > kMostNested) {
    throw std::runtime_error("the column \"" + column + "\" is nested deeper than " +
                             std::to_string(kMostNested) + " levels");
  }
  switch (type.id()) {
    case arrow::Type::DICTIONARY:
      return check_nested(*static_cast<const arrow::DictionaryType&>(type).value_type(), column,
                          depth + 1);
    case arrow::Type::EXTENSION:
      return check_nested(*static_cast<const arrow::ExtensionType&>(type).storage_type(), column,
                          depth + 1);
    case arrow::Type::SPARSE_UNION:
    case arrow::Type::DENSE_UNION:
    case arrow::Type::RUN_END_ENCODED:
      throw std::runtime_error("the column \"" + column + "\" is of the type " + type.ToString() +
                               ", which JSON has no form for");
    default:
      for (const auto& field : type.fields()) check_nested(*field->type(), column, depth + 1);
  }
}

}  // namespace

void check_type(const arrow::DataType& type, const std::string& column) {
  check_nested(type, column, 1);
}

void append_quoted(std::string& text, std::string_view value) {
  constexpr char kHex[] = "0123456789abcdef";
  text += '"';
  size_t from = 0;
  for (size_t at = 0; at < value.size(); ++at) {
    const auto c = static_cast<unsigned char>(value[at]);
    if (c >= 0x20 && c != '"' && c != '\\') continue;
    text.append(value, from, at - from);
    from = at + 1;
    if (c == '\n') {
      text += "\\n";
    } else if (c >= 0x20) {
      text += {'\\', static_cast<char>(c)};
    } else {
      text += {'\\', 'u', '0', '0', kHex[c >> 4], kHex[c & 15]};
    }
  }
  text.append(value, from);
  text += '"';
}

void append_json(std::string& text, const arrow::Array& array, int64_t index,
                 const std::string& column) {
  using arrow::Type;
  if (array.IsNull(index)) {
    text += "null";
    return;
  }
  switch (array.type_id()) {
    case Type::NA:
      text += "null";
      return;
    case Type::BOOL:
      text += as<arrow::BooleanArray>(array).Value(index) ? "true" : "false";
      return;
    case Type::UINT8:
      return append_number(text, as<arrow::UInt8Array>(array).Value(index));
    case Type::INT8:
      return append_number(text, as<arrow::Int8Array>(array).Value(index));
    case Type::UINT16:
      return append_number(text, as<arrow::UInt16Array>(array).Value(index));
    case Type::INT16:
      return append_number(text, as<arrow::Int16Array>(array).Value(index));
    case Type::UINT32:
      return append_number(text, as<arrow::UInt32Array>(array).Value(index));
    case Type::INT32:
      return append_number(text, as<arrow::Int32Array>(array).Value(index));
    case Type::UINT64:
      return append_number(text, as<arrow::UInt64Array>(array).Value(index));
    case Type::INT64:
      return append_number(text, as<arrow::Int64Array>(array).Value(index));
    case Type::FLOAT:
      return append_float(text, as<arrow::FloatArray>(array).Value(index));
    case Type::DOUBLE:
      return append_float(text, as<arrow::DoubleArray>(array).Value(index));
    case Type::HALF_FLOAT: {
      const auto half =
          arrow::util::Float16::FromBits(as<arrow::HalfFloatArray>(array).Value(index));
      return append_float(text, half.ToDouble());
    }
    case Type::STRING:
      return append_quoted(text, as<arrow::StringArray>(array).GetView(index));
    case Type::LARGE_STRING:
      return append_quoted(text, as<arrow::LargeStringArray>(array).GetView(index));
    case Type::STRING_VIEW:
      return append_quoted(text, as<arrow::StringViewArray>(array).GetView(index));
    case Type::BINARY:
      return append_binary(text, as<arrow::BinaryArray>(array).GetView(index), column);
    case Type::LARGE_BINARY:
      return append_binary(text, as<arrow::LargeBinaryArray>(array).GetView(index), column);
    case Type::BINARY_VIEW:
      return append_binary(text, as<arrow::BinaryViewArray>(array).GetView(index), column);
    case Type::FIXED_SIZE_BINARY:
      return append_binary(text, as<arrow::FixedSizeBinaryArray>(array).GetView(index), column);
    case Type::LIST:
      return append_list(text, as<arrow::ListArray>(array), index, column);
    case Type::LARGE_LIST:
      return append_list(text, as<arrow::LargeListArray>(array), index, column);
    case Type::LIST_VIEW:
      return append_list(text, as<arrow::ListViewArray>(array), index, column);
    case Type::LARGE_LIST_VIEW:
      return append_list(text, as<arrow::LargeListViewArray>(array), index, column);
    case Type::FIXED_SIZE_LIST:
      return append_list(text, as<arrow::FixedSizeListArray>(array), index, column);
    case Type::STRUCT:
      return append_struct(text, as<arrow::StructArray>(array), index, column);
    case Type::MAP:
      return append_map(text, as<arrow::MapArray>(array), index, column);
    case Type::DICTIONARY: {
      const auto& dictionary = as<arrow::DictionaryArray>(array);
      return append_json(text, *dictionary.dictionary(), dictionary.GetValueIndex(index), column);
    }
    case Type::EXTENSION:
      return append_json(text, *as<arrow::ExtensionArray>(array).storage(), index, column);
    default:
      return append_printed(text, array, index);
  }
}
