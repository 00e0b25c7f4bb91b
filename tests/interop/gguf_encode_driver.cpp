// Writes f32 numbers as the blocks of a GGUF type: TYPE NUMBERS.bin TARGET.bin. For
// gguf_encoding.py.
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "graft/base/error.h"
#include "graft/gguf/encode.h"

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fprintf(stderr, "usage: %s TYPE NUMBERS.bin TARGET.bin\n", argv[0]);
    return 2;
  }
  try {
    const auto type = static_cast<graft::io::GgufTensorType>(std::stoi(argv[1]));
    std::ifstream in(argv[2], std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(in), {}};
    std::vector<float> numbers(bytes.size() / sizeof(float));
    std::memcpy(numbers.data(), bytes.data(), numbers.size() * sizeof(float));
    const graft::io::GgufBlock block = graft::io::block_of(type);
    std::vector<std::byte> blocks(numbers.size() / block.elements * block.bytes);
    graft::gguf::encode_blocks(type, numbers, blocks);
    std::ofstream(argv[3], std::ios::binary)
        .write(reinterpret_cast<const char*>(blocks.data()),
               static_cast<std::streamsize>(blocks.size()));
    return 0;
  } catch (const graft::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
