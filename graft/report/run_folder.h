#pragma once

#include "graft/base/files.h"

namespace graft::report {

/// Where the records of a training are: "adapters.run" beside the adapter "adapters.npz".
struct RunFolder {
  fs::path path;

  static RunFolder of_adapter(const fs::path& adapter) {
    return {fs::path(adapter).replace_extension(".run")};
  }

  std::string name() const { return without_trailing_slash(path).stem().string(); }
  fs::path bad_batches() const { return path / "bad-batches.jsonl"; }  // training/bad_batches.h
  fs::path metrics() const { return path / "metrics.jsonl"; }          // metrics_file.h
  fs::path facts() const { return path / "run.json"; }                 // run_facts.h
  fs::path config() const { return path / "config.yaml"; }             // the settings, to run again
  fs::path page() const { return path / "report.html"; }               // report.h
  fs::path search_page() const { return path / "learning-rate.html"; }  // report.h
  fs::path tensorboard() const { return path / "tensorboard"; }         // a folder of event files
};

}  // namespace graft::report
