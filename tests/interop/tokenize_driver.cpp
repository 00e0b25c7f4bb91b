// Encodes the strings of a file with graft, for comparison with other software.
//   tokenize_driver MODEL_FOLDER TEXTS IDS [ids|decode|spans]
// TEXTS: for each string a little-endian uint32 of its bytes, then the bytes. IDS: for each string
// an int32 count, then the int32 ids. `decode` writes the decoded text of each string's ids
// instead, `spans` for each token three int32: its id and its span in bytes. Standard output has
// the seconds that loading and encoding took.
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <string>
#include <vector>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/base/mapped_file.h"
#include "graft/tokenizer/tokenizer.h"

namespace {

std::vector<std::string> read_strings(const graft::fs::path& path) {
  graft::MappedFile file(path);
  std::string_view rest = file.text();
  std::vector<std::string> strings;
  while (!rest.empty()) {
    uint32_t size;
    if (rest.size() < sizeof size) graft::fail("{}: ends within a length", path.string());
    std::memcpy(&size, rest.data(), sizeof size);
    rest.remove_prefix(sizeof size);
    if (rest.size() < size) graft::fail("{}: ends within a string", path.string());
    strings.emplace_back(rest.substr(0, size));
    rest.remove_prefix(size);
  }
  return strings;
}

template <class Values>
void write_counted(graft::AtomicFile& file, const Values& values) {
  uint32_t count = static_cast<uint32_t>(values.size());
  file.write(&count, sizeof count);
  file.write(values.data(), values.size() * sizeof(values[0]));
}

std::vector<int32_t> rows(const graft::tokenizer::Encoding& encoding) {
  std::vector<int32_t> values;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const graft::Span& span = encoding.spans.at(i);
    values.insert(values.end(), {encoding.ids[i], static_cast<int32_t>(span.begin),
                                 static_cast<int32_t>(span.end)});
  }
  return values;
}

void run(int argc, char** argv) {
  using Clock = std::chrono::steady_clock;
  if (argc < 4) graft::fail_usage("usage: {} MODEL_FOLDER TEXTS IDS [ids|decode|spans]", argv[0]);
  std::string mode = argc > 4 ? argv[4] : "ids";
  std::vector<std::string> texts = read_strings(argv[2]);
  auto loading = Clock::now();
  graft::tokenizer::Tokenizer tokenizer = graft::tokenizer::Tokenizer::load(argv[1]);
  auto start = Clock::now();
  std::vector<std::vector<int32_t>> ids;
  std::vector<graft::tokenizer::Encoding> encodings;
  if (mode == "spans") {
    encodings = tokenizer.encode_batch_with_spans(texts);
  } else {
    ids = tokenizer.encode_batch(texts);
  }
  auto end = Clock::now();
  graft::AtomicFile output(argv[3]);
  for (const std::vector<int32_t>& text_ids : ids) {
    if (mode == "decode") {
      write_counted(output, tokenizer.decode(text_ids));
    } else {
      write_counted(output, text_ids);
    }
  }
  for (const graft::tokenizer::Encoding& encoding : encodings)
    write_counted(output, rows(encoding));
  output.commit();
  std::printf("load %.6f\nencode %.6f\n", std::chrono::duration<double>(start - loading).count(),
              std::chrono::duration<double>(end - start).count());
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
