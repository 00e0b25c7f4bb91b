// The queries of graft's own text-to-SQL set on its own tables.

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "graft/data/rows/row_reader.h"
#include "graft/evaluation/scorers.h"
#include "tests/support/paths.h"

namespace graft::evaluation {
namespace {

// The query without its last condition, or with another aggregate.
std::string another(std::string query) {
  if (const size_t last = query.rfind(" AND "); last != std::string::npos) {
    return query.substr(0, last);
  }
  if (const size_t where = query.find(" WHERE "); where != std::string::npos) {
    return query.substr(0, where);
  }
  for (const char* aggregate : {"COUNT ", "MAX ", "MIN ", "AVG ", "SUM "}) {
    if (query.find(aggregate) != 7) continue;
    return query.replace(7, std::string(aggregate).size(),
                         std::string(aggregate) == "MAX " ? "MIN " : "MAX ");
  }
  return query;
}

TEST(Dataset, ReferencesGiveRowsAndOtherQueriesGiveOthers) {
  for (const char* split : {"train", "valid", "test"}) {
    SCOPED_TRACE(split);
    const fs::path path = testing::source_folder() / "data" / (std::string(split) + ".jsonl");
    std::vector<Answered> right, wrong;
    data::for_each_row(path, path.string(), [&](const ordered_json& row, int64_t line) {
      const std::string text = row["text"], prompt = row["prompt"], completion = row["completion"];
      EXPECT_EQ(prompt + completion, text) << line;
      right.push_back({prompt, completion.substr(1), completion, row, std::to_string(line)});
      wrong.push_back({prompt, another(completion.substr(1)), completion, row, ""});
    });
    const auto scorer = make_scorer("sql");
    size_t with_rows = 0, different = 0;
    for (const Scores& scores : scorer->score(right)) {
      ASSERT_EQ(scores.problem, "");
      EXPECT_EQ(scores.values[0], 1);
      if (scores.values[2] == 1) ++with_rows;
    }
    for (const Scores& scores : scorer->score(wrong)) {
      if (scores.values.at(0) == 0) ++different;
    }
    EXPECT_EQ(with_rows, right.size());
    EXPECT_GE(different, right.size() * 97 / 100) << different << " of " << right.size();
    RecordProperty(std::string(split) + "_different", static_cast<int>(different));
  }
}

}  // namespace
}  // namespace graft::evaluation
