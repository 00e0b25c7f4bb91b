// Tokens of large splits are kept for the next start: the same as in memory, found when all that
// decides them is as it was, and never trusted when they are not whole.

#include "graft/data/token_cache.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <cstring>
#include <functional>
#include <memory>
#include <set>
#include <thread>

#include "graft/data/cached_tokens.h"
#include "graft/data/load.h"
#include "tests/support/expect_error.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/recording_front_end.h"
#include "tests/support/temp_folder.h"
#include "tests/support/tokenizer_fixtures.h"

namespace graft::data {
namespace {

using testing::RecordingFrontEnd;

constexpr size_t kWorth = 2000;  // bytes: some of the files below have more, together with others

// Does something when progress is shown.
class ActingFrontEnd : public RecordingFrontEnd {
 public:
  explicit ActingFrontEnd(std::function<void()> action) : action_(std::move(action)) {}
  void progress(const std::vector<ProgressLine>& lines) override {
    RecordingFrontEnd::progress(lines);
    action_();
  }

 private:
  std::function<void()> action_;
};

class TokenCacheTest : public ::testing::Test {
 protected:
  TokenCacheTest() {
    for (int file = 0; file < 4; ++file) {
      std::string lines;
      for (int i = 0; i < 40; ++i) {
        const std::string number = std::to_string(file * 100 + i);
        lines += R"({"prompt": "The square of )" + number + R"( is", "completion": " )" +
                 std::string(static_cast<size_t>(i % 7), 'a') + R"( a number"})" + "\n";
      }
      testing::write_bytes(path(file), lines);
    }
    for (int source = 0; source < 2; ++source) {
      Source two{.weight = 1 + source};
      for (int file = 2 * source; file < 2 * source + 2; ++file) {
        two.files.push_back({path(file), path(file).filename().string()});
      }
      sources_.push_back(two);
    }
    options_.max_seq_length = 9;
    options_.overlong = Overlong::split;
  }

  fs::path path(int file) const { return folder_ / ("train-" + std::to_string(file) + ".jsonl"); }
  fs::path cache() const { return folder_ / "cache"; }

  Encoder encoder(const char* kind = "smollm") const {
    const fs::path folder = testing::tokenizer_fixture(kind);
    tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::load(folder);
    ChatForm chat = chat_form(folder, tokenizer);
    return Encoder(std::move(tokenizer), std::move(chat), options_);
  }

  Dataset load(const fs::path& cache, FrontEnd& front_end) const {
    return data::load(sources_, "train", encoder(), front_end, {cache, kWorth});
  }
  Dataset load() { return load(cache(), front_end_); }

  fs::path file(const char* extension) const {
    for (const auto& entry : fs::directory_iterator(cache())) {
      if (entry.path().extension() == extension) return entry.path();
    }
    return {};
  }

  // Puts other text of the same size into a data file, which nothing shows.
  void change_unseen(int file) const {
    struct stat before {};
    ASSERT_EQ(::stat(path(file).c_str(), &before), 0);
    change(file);
    const timespec times[] = {before.st_atim, before.st_mtim};
    ASSERT_EQ(::utimensat(AT_FDCWD, path(file).c_str(), times, 0), 0);
  }
  void change(int file) const {
    std::string text = testing::read_bytes(path(file));
    text.replace(text.find("square"), 6, "circle");
    testing::write_bytes(path(file), text);
  }

  static void expect_equal(const Dataset& a, const Dataset& b) {
    ASSERT_EQ(a.examples.size(), b.examples.size());
    for (size_t i = 0; i < a.examples.size(); ++i) {
      const ExampleView x = a.examples[i], y = b.examples[i];
      ASSERT_TRUE(std::equal(x.ids.begin(), x.ids.end(), y.ids.begin(), y.ids.end())) << i;
      ASSERT_EQ(x.weights(), y.weights()) << i;
      ASSERT_EQ(a.place_of(i), b.place_of(i));
    }
    EXPECT_EQ(a.examples.totals(), b.examples.totals());
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.files, b.files);
    EXPECT_EQ(a.described, b.described);
    EXPECT_EQ(fingerprint(a), fingerprint(b));  // with its shares
    EXPECT_EQ(a.counts.records, b.counts.records);
    EXPECT_EQ(a.counts.split, b.counts.split);
    EXPECT_EQ(a.counts.untrained, b.counts.untrained);
    EXPECT_EQ(a.counts.untrained_places, b.counts.untrained_places);
    EXPECT_EQ(a.counts.unwritten_calls, b.counts.unwritten_calls);
    EXPECT_EQ(a.counts.unwritten_place, b.counts.unwritten_place);
  }

  testing::TempFolder folder_;
  std::vector<Source> sources_;
  RenderOptions options_;
  RecordingFrontEnd front_end_;
};

TEST_F(TokenCacheTest, HasWhatWouldBeInMemory) {
  const Dataset in_memory = load({}, front_end_);
  EXPECT_GT(in_memory.counts.split, 0);
  EXPECT_FALSE(in_memory.examples.arrays().runs.empty());
  ASSERT_EQ(in_memory.shares.size(), 2u);
  const Dataset made = load();
  expect_equal(in_memory, made);
  EXPECT_EQ(testing::names_in(cache()).size(), 2u);
  change_unseen(1);  // found, not read
  const Dataset found = load();
  expect_equal(in_memory, found);
  EXPECT_TRUE(front_end_.notes.empty() && front_end_.warnings.empty());
}

TEST_F(TokenCacheTest, IsNotMadeForSmallSets) {
  data::load(sources_, "train", encoder(), front_end_, {cache(), size_t{1} << 20});
  EXPECT_FALSE(fs::exists(cache()));
}

TEST_F(TokenCacheTest, IsNamedByAllThatDecidesTheTokens) {
  const auto name = [&](const Encoder& encoder) {
    return TokenCache(cache(), sources_, "train", encoder).file().string();
  };
  std::set<std::string> names = {name(encoder())};
  EXPECT_EQ(names.count(name(encoder())), 1u);
  const auto is_another = [&](auto& value, auto other, const char* what) {
    const auto before = value;
    value = other;
    EXPECT_TRUE(names.insert(name(encoder())).second) << what;
    value = before;
  };
  Source& source = sources_[1];
  is_another(source.files[0].path, folder_ / "other.jsonl", "path");
  is_another(source.files[0].name, std::string("other"), "name");
  is_another(source.files, std::vector{source.files[0]}, "files");
  is_another(source.hashes.begin, 0.1, "hashes");
  is_another(source.hashes.end, 0.9, "hashes' end");
  is_another(source.slice.begin, 3, "slice");
  is_another(source.slice.end, 3, "slice's end");
  is_another(source.slice, RowSlice{3, {}, true}, "slice in percent");
  is_another(source.weight, 3.0, "weight");
  is_another(source.weight, std::optional<double>(), "no weight");
  is_another(source.keys.text, "x", "text key");
  is_another(source.keys.prompt, "x", "prompt key");
  is_another(source.keys.completion, "x", "completion key");
  is_another(source.keys.messages, "x", "messages key");
  is_another(source.keys.messages, "none ", "messages key of that name");
  is_another(options_.add_eos, true, "add_eos");
  is_another(options_.max_seq_length, 10, "max_seq_length");
  is_another(options_.vocab_size, 1000, "vocab_size");
  is_another(options_.train_on, tokenizer::TrainOn::all, "train_on");
  is_another(options_.raw_pairs, true, "raw_pairs");
  is_another(options_.overlong, Overlong::drop, "overlong");
  is_another(options_.overlap, 2, "overlap");
  EXPECT_TRUE(names.insert(name(encoder("gpt2"))).second) << "tokenizer";
  const fs::path model = testing::tokenizer_fixture("smollm");
  const tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::load(model);
  for (const char* source_text : {"{{ messages }}", "{{ messages }} "}) {
    tokenizer::ChatTemplate chat(source_text, {}, "template");
    ChatForm form{std::make_shared<tokenizer::ChatTurns>(std::move(chat), std::set<std::string>())};
    EXPECT_TRUE(names.insert(name(Encoder(tokenizer, form, options_))).second) << "template";
  }
}

TEST_F(TokenCacheTest, GoesByContentsWhereTimesOrInodesDiffer) {
  const Dataset made = load();
  fs::last_write_time(path(0), fs::last_write_time(path(0)) + std::chrono::seconds(5));
  fs::copy_file(path(2), folder_ / "copy");
  fs::rename(folder_ / "copy", path(2));
  expect_equal(made, load());
  EXPECT_FALSE(front_end_.shown.empty());  // the contents were read
  front_end_.shown.clear();
  change_unseen(0);
  expect_equal(made, load());  // and the note renewed
  EXPECT_TRUE(front_end_.shown.empty());
  change(2);  // of the same size
  const std::string before = fingerprint(made);
  EXPECT_NE(fingerprint(load()), before);
  testing::write_bytes(path(3), testing::read_bytes(path(3)) + testing::read_bytes(path(3)));
  EXPECT_EQ(load().counts.records, 200);
  EXPECT_EQ(testing::names_in(cache()).size(), 2u);  // the old ones were replaced
  EXPECT_TRUE(front_end_.notes.empty());
}

TEST_F(TokenCacheTest, IsMadeAnewWhereItIsDamaged) {
  const Dataset in_memory = load({}, front_end_);
  load();
  const std::string tokens = testing::read_bytes(file(".tokens"));
  const std::string note = testing::read_bytes(file(".json"));
  const auto is_made_anew = [&](const char* extension, const std::string& bytes) {
    front_end_.notes.clear();
    testing::write_bytes(file(extension), bytes);
    expect_equal(in_memory, load());
    EXPECT_EQ(front_end_.notes.size(), 1u);
    EXPECT_TRUE(testing::read_bytes(file(".tokens")) == tokens);
  };
  is_made_anew(".tokens", "");
  is_made_anew(".tokens", tokens.substr(0, tokens.size() - 1));
  is_made_anew(".tokens", tokens.substr(0, tokens.size() / 2));
  is_made_anew(".tokens", tokens + "x");
  is_made_anew(".tokens", "x" + tokens.substr(1, 99) + "x" + tokens.substr(100));
  is_made_anew(".json", "");
  is_made_anew(".json", "{}");
  is_made_anew(".json", "[1, 2]");
  is_made_anew(".json", note.substr(0, note.size() / 2));
  std::string of_another = note;
  const size_t digit = of_another.find("\"checksum\": ") + 12;
  of_another[digit] = of_another[digit] == '1' ? '2' : '1';
  is_made_anew(".json", of_another);
  fs::remove(file(".tokens"));
  is_made_anew(".json", note);
}

TEST_F(TokenCacheTest, ReadsNoFileOfWhichABitIsAnother) {
  load();
  std::string bytes = testing::read_bytes(file(".tokens"));
  const auto owner = std::make_shared<int>();
  std::vector<uint64_t> aligned((bytes.size() + 7) / 8);
  const auto read = [&](size_t size) {
    std::memcpy(aligned.data(), bytes.data(), size);
    return read_token_file({reinterpret_cast<const char*>(aligned.data()), size}, owner);
  };
  const Dataset whole = read(bytes.size());
  const size_t ids = whole.examples.arrays().ids.size_bytes();
  for (size_t i = (ids + 7) / 8 * 8; i < bytes.size(); ++i) {
    bytes[i] = static_cast<char>(bytes[i] ^ 4);
    testing::expect_error([&] { read(bytes.size()); }, "it");
    bytes[i] = static_cast<char>(bytes[i] ^ 4);
  }
  for (size_t size = 0; size < bytes.size(); ++size) {
    testing::expect_error([&] { read(size); }, "no whole file");
  }
}

TEST_F(TokenCacheTest, WithoutItsNoteIsNotTrusted) {
  load();
  fs::remove(file(".json"));
  change_unseen(0);
  const Dataset in_memory = load({}, front_end_);
  expect_equal(in_memory, load());
  EXPECT_EQ(testing::names_in(cache()).size(), 2u);
}

TEST_F(TokenCacheTest, StaysInMemoryWhereTheFolderCannotBeWritten) {
  const Dataset in_memory = load({}, front_end_);
  testing::write_bytes(folder_ / "file", "");
  expect_equal(in_memory, load(folder_ / "file" / "cache", front_end_));
  ASSERT_EQ(front_end_.warnings.size(), 1u);
  EXPECT_NE(front_end_.warnings[0].find("are not kept"), std::string::npos);
}

TEST_F(TokenCacheTest, GoesBackIntoMemoryWhenTheDiskIsFull) {
  const Dataset in_memory = load({}, front_end_);
  for (const rlim_t most : {1000, 3000, 5000, 9000}) {
    front_end_.warnings.clear();
    const testing::FileSizeLimit limit(most);
    expect_equal(in_memory, load());
    EXPECT_EQ(front_end_.warnings.size(), 1u) << most;
    EXPECT_TRUE(testing::names_in(cache()).empty()) << most;
  }
}

TEST_F(TokenCacheTest, IsNotKeptOfAFileThatChangesMeanwhile) {
  const Dataset in_memory = load({}, front_end_);
  ActingFrontEnd front_end([this] {
    fs::last_write_time(path(0), fs::last_write_time(path(0)) + std::chrono::seconds(1));
  });
  expect_equal(in_memory, load(cache(), front_end));
  EXPECT_EQ(front_end.warnings.size(), 1u);
  EXPECT_TRUE(testing::names_in(cache()).empty());
}

TEST_F(TokenCacheTest, LeavesNothingWhenItIsCancelled) {
  for (size_t step = 1; step < 8; ++step) {
    size_t seen = 0;
    ActingFrontEnd* told = nullptr;
    ActingFrontEnd front_end([&] {
      if (++seen == step) told->cancel = true;
    });
    told = &front_end;
    EXPECT_THROW(load(cache(), front_end), Cancelled) << step;
    EXPECT_TRUE(!fs::exists(cache()) || testing::names_in(cache()).empty()) << step;
  }
}

TEST_F(TokenCacheTest, IsMadeBySeveralAtOnce) {
  const Dataset in_memory = load({}, front_end_);
  std::vector<Dataset> made(4);
  std::vector<std::thread> threads;
  for (Dataset& set : made) threads.emplace_back([&] { set = load(cache(), front_end_); });
  for (std::thread& thread : threads) thread.join();
  for (const Dataset& set : made) expect_equal(in_memory, set);
  EXPECT_EQ(testing::names_in(cache()).size(), 2u);
  change_unseen(0);
  expect_equal(in_memory, load());
}

TEST_F(TokenCacheTest, IsListedAndRemoved) {
  EXPECT_TRUE(cached_tokens(cache()).empty());
  load();
  testing::write_bytes(cache() / "other.tokens", "not ours");
  const auto all = cached_tokens(cache());
  ASSERT_EQ(all.size(), 1u);
  EXPECT_EQ(all[0].name, "tokens/" + file(".json").stem().string().substr(0, 8));
  EXPECT_EQ(all[0].of, "train");
  EXPECT_EQ(all[0].bytes, fs::file_size(file(".json")) +
                              fs::file_size(fs::path(file(".json")).replace_extension(".tokens")));
  const Dataset mapped = load();
  hub::remove_cached(all[0]);
  EXPECT_EQ(testing::names_in(cache()), std::vector<std::string>{"other.tokens"});
  expect_equal(mapped, load({}, front_end_));  // who reads it goes on
}

}  // namespace
}  // namespace graft::data
