#pragma once

#include <cstddef>
#include <cstdint>

/// What the library of the Parquet reader offers: C, as it is loaded at run time.
extern "C" {

/// A file that is read.
struct GraftParquetFile;

/// Where one of these fails, `error` says what is wrong, cut to `error_size` bytes with the 0 at
/// its end. None of them throws.
struct GraftParquet {
  /// Opens a file, of whose rows none may take more than `most_row_bytes` as JSON; null if that
  /// fails.
  GraftParquetFile* (*open)(const char* path, size_t most_row_bytes, char* error,
                            size_t error_size);
  /// Sets `text` to the next row, as a JSON object, valid until the next call; 1, or 0 at the end,
  /// or -1 if it fails. JSON as Python writes it: with NaN, Infinity and -Infinity.
  int (*next)(GraftParquetFile* file, const char** text, size_t* size, char* error,
              size_t error_size);
  /// How many rows the file says it has.
  int64_t (*rows)(const GraftParquetFile* file);
  /// Closes a file; null is one, too.
  void (*close)(GraftParquetFile* file);
};

/// The library's functions. The name changes with the struct.
extern const GraftParquet graft_parquet_rows;
}

/// The name under which the program asks the library for them.
inline constexpr const char* kGraftParquet = "graft_parquet_rows";
