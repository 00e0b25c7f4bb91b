#pragma once

#include <optional>
#include <string>
#include <vector>

#include "graft/base/files.h"
#include "graft/data/data_name.h"
#include "graft/data/dataset.h"
#include "graft/engine/loaded_model.h"
#include "graft/engine/runtime.h"
#include "graft/hub/chosen_files.h"

namespace graft::engine {

/// Data as a person names them.
struct DataOptions {
  std::vector<std::string> names = {"data/"};  // each as data::DataName has it
  double valid_split = 0;   // share of the training set that validates, by a hash of the records
  data::RowKeys keys = {};  // of data sets that do not name their own
};

/// Which of the named splits are needed: those that exist, or the first that does.
enum class Splits { all, first };

/// Data sets, found: files and folders here, or what was fetched from the Hub. For one thread.
class NamedData {
 public:
  /// `runtime` must outlive it. Finds data sets by name: an existing file or folder, else a data
  /// set on the Hub, "owner/name", "owner/name/folder" or either with "@revision", whose files for
  /// these splits ("train", "valid", "test") are fetched into the cache. Throws UsageError for
  /// names that contradict each other, Error if a data set has none of the splits, Cancelled.
  NamedData(const Runtime& runtime, const DataOptions& options,
            const std::vector<std::string>& splits, Splits which = Splits::all);

  /// Whether any of the data sets has this split.
  bool has(const std::string& split) const;
  /// Where its rows come from; none if there is no such split. Throws Error if its files are not
  /// plainly one split's.
  std::vector<data::Source> sources(const std::string& split) const;
  /// Reads, renders and tokenizes a split for a model, whose vocabulary `options` get, or finds it
  /// in the cache of tokens (data/load.h), below the Hub's notes. Warns of records that are cut or
  /// left out. Throws Error as data::load does, and if there is no such split.
  data::Dataset load(const std::string& split, const LoadedModel& loaded,
                     data::RenderOptions options, FrontEnd& front_end) const;

  /// The first file that is both trained and tested on, in part or whole; empty if there is none.
  std::string trained_and_tested() const;
  /// How messages name a split.
  std::string shown(const std::string& split) const;
  /// The names of those that are on the Hub.
  std::vector<std::string> hub_names() const;

 private:
  // A data set, where it lies.
  struct Place {
    data::DataName name;
    fs::path path;         // a file, or a folder
    fs::path shown;        // the same in messages
    std::string hub_name;  // or empty
    std::string prefix;    // of the files' names, in a repository
    // A folder's, once it was asked for: all answers are of the same files.
    mutable std::optional<hub::RepositoryFiles> listing = {};
  };

  data::Source source(const Place& place, const std::string& split) const;
  static std::vector<data::DataFile> files_of(const Place& place, const std::string& split);

  const Runtime* runtime_;
  std::vector<Place> places_;
  double valid_split_;
  data::RowKeys keys_;
};

}  // namespace graft::engine
