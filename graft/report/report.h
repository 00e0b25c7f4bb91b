#pragma once

#include <span>
#include <string>

#include "graft/report/metrics_file.h"
#include "graft/report/run_facts.h"
#include "graft/report/run_folder.h"
#include "graft/training/learning_rate_search.h"

namespace graft::report {

/// The records of one training, as its folder holds them.
struct Run {
  RunFacts facts;
  Metrics metrics;
};

/// Reads a run's folder. Without run.json, the name is the folder's. Throws Error if the folder has
/// no metrics.jsonl, or as read_facts and read_metrics do.
Run read_run(const RunFolder& folder);

/// What the page shows: {"version": 1, "program", "runs": [...], "learning_rate_search": null}. The
/// search may be {"points": [{"learning_rate", "loss", "smoothed"}, ...], "suggested"}.
ordered_json report_json(std::span<const Run> runs);

/// The page with the data in it; no text of the data can end its script element.
std::string report_page(const ordered_json& data);

/// Writes the page of a run, or of several to compare, whole or not at all. Throws Error as
/// AtomicFile does.
void write_report(const fs::path& path, std::span<const Run> runs);

/// Writes the page of a search for a learning rate, in the same way.
void write_search_report(const fs::path& path, const training::LearningRateSearch& search);

}  // namespace graft::report
