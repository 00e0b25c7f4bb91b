#include <gtest/gtest.h>
#include <zlib.h>
#include <zstd.h>

#include "tests/data/rows/read_all.h"

namespace graft::data {
namespace {

using Rows = std::vector<LineAndText>;

std::string gzipped(const std::string& text) {
  z_stream stream{};
  EXPECT_EQ(::deflateInit2(&stream, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  std::string packed(::deflateBound(&stream, text.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  EXPECT_EQ(::deflate(&stream, Z_FINISH), Z_STREAM_END);
  packed.resize(stream.total_out);
  ::deflateEnd(&stream);
  return packed;
}

// With a checksum, as the program zstd writes it.
std::string zstandard(const std::string& text, int window_log = 0) {
  ZSTD_CCtx* context = ::ZSTD_createCCtx();
  ::ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1);
  if (window_log > 0) ::ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, window_log);
  std::string packed(::ZSTD_compressBound(text.size()), '\0');
  ZSTD_outBuffer out{packed.data(), packed.size(), 0};
  ZSTD_inBuffer in{text.data(), text.size(), 0};
  // In two steps, so that the frame does not know its size.
  ::ZSTD_compressStream2(context, &out, &in, ZSTD_e_continue);
  EXPECT_EQ(::ZSTD_compressStream2(context, &out, &in, ZSTD_e_end), 0u);
  packed.resize(out.pos);
  ::ZSTD_freeCCtx(context);
  return packed;
}

std::string rows_text(int64_t count, Rows& rows) {
  std::string text;
  for (int64_t line = 1; line <= count; ++line) {
    rows.emplace_back(line, fmt::format("{{\"a\":{}}}", line * 7919));
    text += rows.back().second + "\n";
  }
  return text;
}

class CompressedRows : public RowFiles {};

TEST_F(CompressedRows, AreUnpackedWhateverTheNameIs) {
  Rows rows;
  const std::string text = rows_text(100'000, rows);
  for (const char* name : {"a.jsonl.gz", "a.jsonl", "a.gz", "a.JSON.GZ"}) {
    EXPECT_EQ(read(name, gzipped(text)), rows) << name;
  }
  EXPECT_EQ(read("a.ndjson.zst", zstandard(text)), rows);
  EXPECT_EQ(read_all(*read_rows(gzipped(text), "text")), rows);
  EXPECT_EQ(read("a.csv.gz", gzipped("a\n1\n")), (Rows{{2, R"({"a":"1"})"}}));
  EXPECT_EQ(read("a.tsv.zst", zstandard("a\tb\n1\t2\n")), (Rows{{2, R"({"a":"1","b":"2"})"}}));
  EXPECT_EQ(read("a.json.gz", gzipped("[{\"a\":1}]")), (Rows{{1, R"({"a":1})"}}));
  EXPECT_TRUE(read("a.jsonl.gz", gzipped("")).empty());
  EXPECT_TRUE(read("a.jsonl.zst", zstandard("")).empty());
}

TEST_F(CompressedRows, MembersAndFramesFollowEachOther) {
  const Rows rows = {{1, R"({"a":1})"}, {2, R"({"a":2})"}};
  EXPECT_EQ(read("a.jsonl.gz", gzipped("{\"a\":") + gzipped("") + gzipped("1}\n{\"a\":2}\n")),
            rows);
  EXPECT_EQ(read("a.jsonl.gz", gzipped("{\"a\":1}\n{\"a\":2}\n") + std::string(1000, '\0')), rows);
  const std::string skipped("\x50\x2a\x4d\x18\x03\0\0\0abc", 11);
  EXPECT_EQ(read("a.jsonl.zst", skipped + zstandard("{\"a\":") + zstandard("") + skipped +
                                    zstandard("1}\n{\"a\":2}\n")),
            rows);
}

TEST_F(CompressedRows, CutFilesAreErrors) {
  Rows rows;
  const std::string text = rows_text(200, rows);
  for (const auto& [name, packed] :
       {std::pair{"a.jsonl.gz", gzipped(text)}, std::pair{"a.jsonl.zst", zstandard(text)}}) {
    const std::string kind = std::string_view(name).ends_with("gz") ? "gzip" : "zstd";
    const std::string ends = " data ends too early: is the file cut off?";
    for (size_t size = 4; size < packed.size(); size += size < 40 ? 1 : 97) {
      expect_refused(name, packed.substr(0, size), fmt::format("{}: its {}{}", name, kind, ends));
    }
    expect_refused(name, packed.substr(0, packed.size() - 1),
                   fmt::format("{}: its {}{}", name, kind, ends));
    expect_refused(name, packed + packed.substr(0, 12),
                   fmt::format("{}: its {}{}", name, kind, ends));
  }
}

TEST_F(CompressedRows, DamagedFilesAreErrors) {
  Rows rows;
  const std::string text = rows_text(200, rows);
  for (const auto& [name, packed] :
       {std::pair{"a.jsonl.gz", gzipped(text)}, std::pair{"a.jsonl.zst", zstandard(text)}}) {
    for (size_t at = 30; at < packed.size(); at += 31) {
      std::string bad = packed;
      bad[at] = static_cast<char>(bad[at] ^ 0x10);
      // Rows may come before the damage is met; then a row or the packed data is refused.
      testing::expect_error([&] { read(name, bad); }, name);
    }
    testing::expect_error([&] { read(name, packed + "garbage"); }, {name, " data is damaged: "});
  }
}

TEST_F(CompressedRows, FilesThatAreNotWhatTheirNameSaysAreNamed) {
  expect_refused("a.jsonl.gz", "{}\n", "a.jsonl.gz is no gzip data, as its name says");
  expect_refused("a.jsonl.gz", "", "a.jsonl.gz is no gzip data, as its name says: it is empty");
  expect_refused("a.jsonl.zst", gzipped("{}\n"),
                 "a.jsonl.zst is no zstd data, as its name says: it is compressed (gzip)");
  expect_refused("a.parquet.gz", gzipped("PAR1"),
                 "a.parquet.gz: Parquet is compressed inside: unpack the file first");
  expect_refused("a.jsonl.gz", gzipped(gzipped("{}")),
                 "a.jsonl.gz is no JSONL: it is compressed (gzip)");
}

// 300 MB of one row in 300 kB.
TEST_F(CompressedRows, BombsMeetTheLimitOfARow) {
  const std::string zeros(30'000'000, '0');
  std::string packed;
  for (int i = 0; i < 10; ++i) packed += gzipped(zeros);
  expect_refused("a.jsonl.gz", packed, "a.jsonl.gz:1: a row of 256 MiB or more begins here");
}

TEST_F(CompressedRows, AWindowThatTakesTooMuchMemoryIsRefused) {
  expect_refused(
      "a.jsonl.zst", zstandard("{}\n", 28),
      "a.jsonl.zst: its zstd data wants a window of more than 128 MiB: pack it with a smaller one");
}

}  // namespace
}  // namespace graft::data
