#pragma once

#include <cstddef>
#include <cstdint>

/// What the library of the Parquet reader offers: C, as it is loaded at run time.
extern "C" {

/// Takes a row's text. `row` counts from 1.
using GraftTakeText = void (*)(void* user, int64_t row, const char* text, size_t size);

/// Reads a column of strings row by row; 0 if all is well, else `error` says what is wrong, cut to
/// `error_size` bytes with the 0 at its end. Throws nothing; what `take` throws becomes an error.
int graft_read_parquet_texts(const char* path, const char* column, GraftTakeText take, void* user,
                             char* error, size_t error_size);
}

/// The name under which the program asks the library for it.
inline constexpr const char* kGraftReadParquetTexts = "graft_read_parquet_texts";
