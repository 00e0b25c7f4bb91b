#include "graft/data/parquet.h"

#include <dlfcn.h>

#include <array>
#include <system_error>

#include "graft/base/error.h"
#include "graft/parquet_reader/parquet_reader.h"

namespace graft::data {
namespace {

#ifndef GRAFT_PARQUET_LIBRARY
#define GRAFT_PARQUET_LIBRARY ""
#endif

// The folder of the file that holds this code: the program, or a library that links graft.
fs::path own_folder() {
  Dl_info info{};
  fs::path file;
  if (::dladdr(reinterpret_cast<void*>(&own_folder), &info) != 0) file = info.dli_fname;
  // For a program it is the name it was called by, which may have been found through PATH.
  std::error_code ignored;
  if (!file.is_absolute()) file = fs::read_symlink("/proc/self/exe", ignored);
  return file.is_absolute() ? fs::canonical(file, ignored).parent_path() : fs::path();
}

struct ParquetReader {
  decltype(&graft_read_parquet_texts) read = nullptr;
  std::string missing;  // why there is none
};

ParquetReader load_reader() {
  const std::string name = GRAFT_PARQUET_LIBRARY;
  if (name.empty()) return {nullptr, "it was built without Arrow"};
  const fs::path folder = own_folder();
  if (folder.empty()) return {nullptr, "it does not find its own folder"};
  // Next to the program and its tests in a build folder, and where it is installed.
  for (const fs::path& place : {folder, folder / "..", folder / ".." / GRAFT_LIBDIR / "graft"}) {
    const fs::path library = (place / name).lexically_normal();
    if (!is_there(library)) continue;
    void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) return {nullptr, ::dlerror()};
    void* symbol = ::dlsym(handle, kGraftReadParquetTexts);
    if (symbol == nullptr) return {nullptr, library.string() + " is another graft's"};
    return {reinterpret_cast<decltype(ParquetReader::read)>(symbol), ""};
  }
  return {nullptr, fmt::format("there is no {} near {}", name, folder.string())};
}

const ParquetReader& reader() {
  static const ParquetReader loaded = load_reader();
  return loaded;
}

void take(void* user, int64_t row, const char* text, size_t size) {
  static_cast<std::vector<Record>*>(user)->push_back({row, std::string(text, size)});
}

}  // namespace

std::string no_parquet_because() { return reader().missing; }

std::vector<Record> read_parquet(const fs::path& path) {
  if (reader().read == nullptr) {
    fail("{}: this graft reads data sets as JSONL only: {}", path.string(), reader().missing);
  }
  std::vector<Record> records;
  std::array<char, 1000> error{};
  if (reader().read(path.c_str(), "text", take, &records, error.data(), error.size()) != 0) {
    fail("{}: {}", path.string(), error.data());
  }
  return records;
}

}  // namespace graft::data
