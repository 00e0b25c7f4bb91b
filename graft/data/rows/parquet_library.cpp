#include "graft/data/rows/parquet_library.h"

#include <dlfcn.h>
#include <fmt/format.h>

#include <system_error>

#include "graft/base/files.h"

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

struct ParquetLibrary {
  const GraftParquet* functions = nullptr;
  std::string missing;  // why there are none
};

ParquetLibrary load_parquet_library() {
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
    const void* symbol = ::dlsym(handle, kGraftParquet);
    if (symbol == nullptr) return {nullptr, library.string() + " is another graft's"};
    return {static_cast<const GraftParquet*>(symbol), ""};
  }
  return {nullptr, fmt::format("there is no {} near {}", name, folder.string())};
}

const ParquetLibrary& loaded_parquet_library() {
  static const ParquetLibrary loaded = load_parquet_library();
  return loaded;
}

}  // namespace

std::string no_parquet_because() { return loaded_parquet_library().missing; }

const GraftParquet* parquet_library() { return loaded_parquet_library().functions; }

}  // namespace graft::data
