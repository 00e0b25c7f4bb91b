// What ends the program from outside: signals, and standard streams that are closed or full.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <chrono>
#include <thread>

#include "tests/cli/program_fixture.h"

namespace graft::testing {
namespace {

class Interrupt : public ProgramTest {
 protected:
  // A training of hours, sent the signals once it has begun.
  ProgramResult train_long(const std::vector<int>& signals, ProgramOptions options = {}) {
    size_t sent = 0;
    options.watch = [&signals, sent](pid_t process, const std::string& out) mutable {
      if (sent < signals.size() && out.find("Iter 10: ") != std::string::npos) {
        ::kill(process, signals[sent++]);
      }
    };
    return run({"lora", "--model", "model", "--train", "--iters", "100000000", "--save-every",
                "100000000", "--steps-per-eval", "100000000", "--steps-per-report", "10"},
               std::move(options));
  }

  bool saved() { return fs::exists(folder_ / "adapters.npz"); }
};

TEST_F(Interrupt, EndsATrainingInOrder) {
  for (const int number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1}) {
    const ProgramResult result = train_long({number});
    EXPECT_EQ(result.code, 130) << result.err;
    EXPECT_NE(result.err.find("To go on: graft lora --resume adapters.npz"), std::string::npos)
        << result.err;
    EXPECT_TRUE(saved());
    fs::remove(folder_ / "adapters.npz");
  }
}

// A terminal that goes away sends SIGHUP twice.
TEST_F(Interrupt, ByHangUpsIsInOrderToo) {
  EXPECT_EQ(train_long({SIGHUP, SIGHUP, SIGHUP}).code, 130);
  EXPECT_TRUE(saved());
}

TEST_F(Interrupt, OfWhatIsIgnoredIsIgnored) {
  for (const int number : {SIGHUP, SIGINT}) {
    auto* const before = std::signal(number, SIG_IGN);  // as nohup does, or a shell with `&`
    ProgramOptions options;
    int sent = 0;
    options.watch = [&sent, number](pid_t process, const std::string& out) {
      if (sent++ == 0 && out.find("Starting") != std::string::npos) ::kill(process, number);
    };
    EXPECT_EQ(train({}, options).code, 0);
    std::signal(number, before);
    EXPECT_TRUE(saved());
    fs::remove(folder_ / "adapters.npz");
  }
}

// The first is noted, but here the program cannot come to act on it: its output waits for a reader.
TEST_F(Interrupt, TheSecondTimeIsAtOnce) {
  const fs::path fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ProgramOptions options;
  options.output = fifo;
  std::atomic<bool> done = false;
  std::thread reader([&] {
    std::FILE* file = std::fopen(fifo.c_str(), "r");  // and never reads
#ifdef F_SETPIPE_SZ
    ::fcntl(::fileno(file), F_SETPIPE_SZ, 4096);
#endif
    while (!done) std::this_thread::sleep_for(std::chrono::milliseconds(5));
    std::fclose(file);
  });
  auto start = std::chrono::steady_clock::now();
  int sent = 0;
  options.watch = [&](pid_t process, const std::string&) {
    const auto now = std::chrono::steady_clock::now();
    if (now - start < std::chrono::milliseconds(1500)) return;  // the pipe is full by then
    start = now;
    if (sent++ < 2) ::kill(process, SIGTERM);
  };
  const ProgramResult result =
      run({"lora", "--model", "model", "--train", "--iters", "100000000", "--steps-per-report", "1",
           "--steps-per-eval", "100000000", "--save-every", "100000000"},
          options);
  done = true;
  reader.join();
  EXPECT_EQ(result.code, 128 + SIGTERM);
}

TEST_F(Interrupt, ALostReaderEndsATrainingInOrder) {
  const fs::path fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  ProgramOptions options;
  options.output = fifo;
  std::thread reader([&] {
    std::FILE* file = std::fopen(fifo.c_str(), "r");
    char byte = 0;
    for (int lines = 0; lines < 8; lines += byte == '\n') byte = static_cast<char>(std::getc(file));
    std::fclose(file);
  });
  const ProgramResult result = train({"--iters", "100000000", "--steps-per-report", "1"}, options);
  reader.join();
  expect_refused(result, 1, "cannot write all of standard output");
  EXPECT_NE(result.err.find("To go on: "), std::string::npos) << result.err;
  EXPECT_TRUE(saved());
}

// As `graft ... | head -1`: who has seen enough needs no message.
TEST_F(Interrupt, AReaderThatHasSeenEnoughIsNoError) {
  const fs::path fifo = folder_ / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  std::string lines;
  for (int i = 0; i < 100000; ++i) lines += "the number\n";
  write("text", lines);
  ProgramOptions options;
  options.output = fifo;
  std::thread reader([&] {
    std::FILE* file = std::fopen(fifo.c_str(), "r");
    std::getc(file);
    std::fclose(file);
  });
  const ProgramResult result = run({"tokenize", "--model", "model", "--ids", "text"}, options);
  reader.join();
  EXPECT_EQ(result.code, 128 + SIGPIPE);
  EXPECT_EQ(result.err, "");
}

TEST_F(Interrupt, AStandardErrorThatIsFullOrClosedIsNoReasonToStop) {
  for (const char* error : {"/dev/full", ""}) {
    ProgramOptions options;
    options.error = error;
    EXPECT_EQ(run({"info", "--model", "nowhere"}, options).code, 1);
    EXPECT_EQ(train({"--lora-layers", "-1"}, options).code, 0);
    EXPECT_TRUE(saved());
    EXPECT_EQ(train_long({SIGTERM}, options).code, 130);
  }
}

// An adapter must not be opened as the standard error that is missing, and get the messages.
TEST_F(Interrupt, NoFileTakesThePlaceOfAStandardStream) {
  ProgramOptions options;
  options.error = "";
  ASSERT_EQ(train({}, options).code, 0);
  const std::string quiet = read_bytes(folder_ / "adapters.npz");
  ASSERT_EQ(train().code, 0);
  EXPECT_EQ(read_bytes(folder_ / "adapters.npz"), quiet);
}

TEST_F(Interrupt, OfAConversionLeavesNothing) {
  write_tiny_model(folder_ / "wide", 1, 1024);
  const auto before = testing::names_in(folder_.path());
  int interrupted = 0;
  // Wherever it is when the signal comes.
  for (int after = 0; after < 6; ++after) {
    ProgramOptions options;
    int times = 0;
    options.watch = [&](pid_t process, const std::string&) {
      if (times++ == 4 * after + 2) ::kill(process, SIGINT);
    };
    const int code = run({"convert", "--hf-path", "wide", "--mlx-path", "out", "-q"}, options).code;
    EXPECT_TRUE(code == 0 || code == 130) << code;
    if (fs::exists(folder_ / "out")) {  // it was done already
      EXPECT_EQ(run({"info", "--model", "out"}).code, 0);
      fs::remove_all(folder_ / "out");
    } else {
      ++interrupted;
    }
    EXPECT_EQ(testing::names_in(folder_.path()), before);
  }
  EXPECT_GT(interrupted, 0);
}

}  // namespace
}  // namespace graft::testing
