// Runs a fuzzer's function on files: the seeds and every input that once crashed it, for builds
// without libFuzzer. Each input is a copy of its exact size on the heap, so that the address
// sanitizer sees a read beyond its end.

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size);

int main(int argc, char** argv) {
  int count = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      const std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
      // And each of its beginnings: a file that was cut off.
      for (size_t size = 0; size <= bytes.size(); size += 1 + bytes.size() / 64) {
        const std::vector<uint8_t> part(bytes.begin(),
                                        bytes.begin() + static_cast<std::ptrdiff_t>(size));
        LLVMFuzzerTestOneInput(part.data(), part.size());
      }
      const std::vector<uint8_t> whole(bytes.begin(), bytes.end());
      LLVMFuzzerTestOneInput(whole.data(), whole.size());
      ++count;
    }
  }
  std::printf("%d files\n", count);
  return count > 0 ? 0 : 1;
}
