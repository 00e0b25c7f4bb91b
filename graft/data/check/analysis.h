#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "graft/data/check/digest.h"
#include "graft/data/check/min_hash.h"
#include "graft/data/check/record_check.h"
#include "graft/data/check/shown_record.h"
#include "graft/data/encoder.h"
#include "graft/data/records/formats.h"
#include "graft/data/rows/row_reader.h"

namespace graft::data::check {

extern const Kind kBrokenRecord, kRefused, kBeyondVocabulary, kUnwrittenCalls, kUntrained, kTooLong;

/// In tokens, or in characters where there is no tokenizer.
struct ExampleSize {
  int64_t length, trained;
};

/// All that is to be known of a record by itself.
struct Analysis {
  bool broken = false;       // it is no record: of the rest only its problem is there
  bool is_compared = false;  // a preference or a labelled answer, which no training takes yet
  std::vector<std::pair<const Kind*, std::string>> problems = {};
  Digest digest = {};
  std::vector<uint32_t> shingles = {};
  Bands bands = {};
  std::vector<ExampleSize> examples = {};
  std::vector<ShownExample> shown = {};
};

/// Looks at records. Several threads may use it.
class Analyzer {
 public:
  /// `encoder` may be nullptr, and has to live as long.
  explicit Analyzer(const Encoder* encoder);

  /// A row of a source whose records have this format; none was found if it is nullptr. Throws
  /// UsageError as Renderer does.
  Analysis analyze(const RowReader& reader, const RawRow& row, const RecordFormat* format,
                   const RowKeys& keys, const std::string& where, bool show) const;

 private:
  void add_tokens(const RecordContent& content, const std::string& name, const std::string& where,
                  bool show, Analysis& analysis) const;
  void look_at(const RecordContent& content, const std::string& where, bool show,
               Analysis& analysis) const;

  const Encoder* encoder_;
  ControlTokens control_;
};

}  // namespace graft::data::check
