#include "graft/data/parquet.h"

#include <dlfcn.h>

#include <array>
#include <cstdlib>
#include <system_error>

#include "graft/base/error.h"
#include "graft/parquet_reader/parquet_reader.h"

namespace graft::data {
namespace {

#ifdef __APPLE__
constexpr const char* kLibrary = "libgraft_parquet.dylib";
#else
constexpr const char* kLibrary = "libgraft_parquet.so";
#endif

// Where the code that asks for it lies: the program, or a library that graft is linked into.
fs::path own_folder() {
  Dl_info info{};
  if (::dladdr(reinterpret_cast<void*>(&own_folder), &info) == 0) return {};
  std::error_code ignored;
  return fs::canonical(info.dli_fname, ignored).parent_path();
}

using ReadTexts = decltype(&graft_read_parquet_texts);

ReadTexts load_reader() {
  const fs::path folder = own_folder();
  // Beside the program and its tests in a build folder, and as it is installed.
  for (const fs::path& place : {folder, folder / "..", folder / ".." / GRAFT_LIBDIR / "graft"}) {
    const fs::path library = (place / kLibrary).lexically_normal();
    if (!is_there(library)) continue;
    void* handle = ::dlopen(library.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle == nullptr) fail("the reader of Parquet files does not start: {}", ::dlerror());
    void* symbol = ::dlsym(handle, kGraftReadParquetTexts);
    if (symbol == nullptr) fail("{} is another graft's", library.string());
    return reinterpret_cast<ReadTexts>(symbol);
  }
  return nullptr;
}

using Texts = std::vector<std::pair<int64_t, std::string>>;

void take(void* user, int64_t row, const char* text, size_t size) {
  static_cast<Texts*>(user)->emplace_back(row, std::string(text, size));
}

ReadTexts reader() {
  static const ReadTexts read = load_reader();
  return read;
}

}  // namespace

bool reads_parquet() { return reader() != nullptr; }

std::vector<std::pair<int64_t, std::string>> read_parquet_texts(const fs::path& path,
                                                                const std::string& column) {
  const ReadTexts read = reader();
  if (read == nullptr) {
    fail("{}: this graft was built without Arrow, and reads data sets as JSONL only",
         path.string());
  }
  Texts texts;
  std::array<char, 1000> error{};
  if (read(path.c_str(), column.c_str(), take, &texts, error.data(), error.size()) != 0) {
    fail("{}: {}", path.string(), error.data());
  }
  return texts;
}

}  // namespace graft::data
