#pragma once

#include <arrow/api.h>

#include <cstdint>
#include <string>

/// Throws std::runtime_error, naming the column, if values of a type have no form in JSON, or if it
/// is nested deeper than rows may be.
void check_type(const arrow::DataType& type, const std::string& column);

/// Appends a value of an array as JSON: null, numbers, booleans, texts, lists, structs; maps whose
/// keys are texts as objects, others as lists of {"key", "value"}; dates, times, durations and
/// decimals as Arrow prints them. The array must be valid. Throws std::runtime_error, naming the
/// column, for binary that is not UTF-8.
void append_json(std::string& text, const arrow::Array& array, int64_t index,
                 const std::string& column);

/// Appends a text in JSON's quotes.
void append_quoted(std::string& text, std::string_view value);
