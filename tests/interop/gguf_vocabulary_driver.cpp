// Writes a GGUF file that holds nothing but the vocabulary of a folder, and a folder from the
// vocabulary of a GGUF file.
//   gguf_vocabulary_driver write FOLDER ROWS FILE [NAME]
//   gguf_vocabulary_driver read FILE FOLDER
// ROWS: of the embedding, which there is none of; 0: as many as the tokenizer needs. NAME:
// general.name. Standard output has what graft says of it, a line each. The exit status is 3 if the
// tokenizer is refused, with why on standard error.
#include <cstdio>
#include <exception>
#include <string>

#include "graft/base/atomic_file.h"
#include "graft/base/error.h"
#include "graft/convert/gguf_tokenizer_files.h"
#include "graft/gguf/vocabulary.h"
#include "graft/io/gguf_writer.h"
#include "graft/io/json.h"
#include "graft/tokenizer/tokenizer.h"

namespace {

class Teller : public graft::FrontEnd {
 public:
  void note_line(std::string_view line) override { std::printf("%s\n", std::string(line).c_str()); }
  void warn_line(std::string_view line) override { note_line(line); }
};

void write(const graft::fs::path& folder, size_t rows, const char* file, const char* name) {
  const graft::fs::path config = folder / "config.json";
  auto source = graft::io::ModelFolder::of_config(folder, graft::fs::exists(config)
                                                              ? graft::io::read_json_object(config)
                                                              : graft::json::object());
  if (rows == 0) rows = graft::tokenizer::Tokenizer::load(folder).vocab_size();
  graft::io::GgufWriter writer(file);
  writer.set("general.architecture", "llama");
  if (name != nullptr) writer.set("general.name", name);
  Teller teller;
  graft::gguf::add_vocabulary(writer, source, rows, teller);
  if (graft::gguf::wants_phi3_name(source)) std::printf("wants a name with phi-3\n");
  writer.commit();
}

void read(const char* file, const graft::fs::path& folder) {
  Teller teller;
  for (const auto& [name, text] :
       graft::convert::gguf_tokenizer_files(graft::io::GgufFile(file), teller)) {
    graft::AtomicFile target(folder / name);
    target.write(text);
    target.commit();
  }
}

void run(int argc, char** argv) {
  const std::string what = argc > 1 ? argv[1] : "";
  if (what == "write" && argc > 4) {
    write(argv[2], std::stoul(argv[3]), argv[4], argc > 5 ? argv[5] : nullptr);
  } else if (what == "read" && argc > 3) {
    read(argv[2], argv[3]);
  } else {
    graft::fail_usage("usage: {} write FOLDER ROWS FILE [NAME] | read FILE FOLDER", argv[0]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    run(argc, argv);
  } catch (const graft::Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 3;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
