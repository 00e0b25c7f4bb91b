// Fine-tunes a model on a folder of texts, saves the adapter, and continues a prompt with it.
//   consumer MODEL DATA ADAPTER PROMPT
#include <cstdio>

#include "graft/engine/engine.h"

int main(int argc, char** argv) {
  using namespace graft;
  if (argc != 5) return 2;
  try {
    const engine::Runtime runtime({.threads = 2, .front_end = engine::make_console()});
    const engine::Use use(runtime);
    FrontEnd& console = runtime.front_end();
    engine::LoadedModel loaded = engine::load(runtime, argv[1]);
    const auto train = engine::load_split(argv[2], "train", loaded, {.add_eos = true}, console);
    const auto valid = engine::load_split(argv[2], "valid", loaded, {.add_eos = true}, console);

    engine::FineTuneOptions options;
    options.adapter.rank = 4;
    options.train.iters = 20;
    options.train.schedule.learning_rate = 1e-3;
    options.train.adapter_file = argv[3];
    engine::FineTune tune(loaded, options, console);
    tune.run(train, valid,
             training::Events({training::make_console_sink(runtime.options().front_end)}));

    const auto write = [](std::string_view text) {
      std::fwrite(text.data(), 1, text.size(), stdout);
    };
    generation::generate(*loaded.model, loaded.tokenizer, loaded.tokenizer.encode(argv[4]),
                         {.max_tokens = 20, .eos_ids = loaded.eos_ids()}, write);
    std::puts("");
  } catch (const Error& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}
