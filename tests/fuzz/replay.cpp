// Runs a fuzzer's function on files: the seeds and every input that once crashed it, for builds
// without libFuzzer. Each input is a copy of its exact size on the heap, so that the address
// sanitizer sees a read beyond its end.
//
//   fuzz_tests READER FOLDER

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <string>
#include <vector>

// GRAFT_READERS is READER(name) for every fuzzer.
#define READER(name) int graft_fuzz_##name(const uint8_t* data, size_t size);
extern "C" {
GRAFT_READERS
}
#undef READER

namespace {

using Function = int (*)(const uint8_t*, size_t);

#define READER(name) {#name, graft_fuzz_##name},
const std::map<std::string, Function> kReaders = {GRAFT_READERS};
#undef READER

// The file, and each of its beginnings: a file that was cut off.
void replay(Function function, const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
  for (size_t size = 0; size <= bytes.size(); size += 1 + bytes.size() / 64) {
    const std::vector<uint8_t> part(bytes.begin(),
                                    bytes.begin() + static_cast<std::ptrdiff_t>(size));
    function(part.data(), part.size());
  }
  const std::vector<uint8_t> whole(bytes.begin(), bytes.end());
  function(whole.data(), whole.size());
}

}  // namespace

int main(int argc, char** argv) {
  const auto reader = argc == 3 ? kReaders.find(argv[1]) : kReaders.end();
  if (reader == kReaders.end()) {
    std::fprintf(stderr, "usage: fuzz_tests READER FOLDER\n");
    return 2;
  }
  int count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(argv[2])) {
    replay(reader->second, entry.path());
    ++count;
  }
  std::printf("%d files\n", count);
  return count > 0 ? 0 : 1;
}
