#include "graft/engine/console.h"

#include <atomic>
#include <cstdio>
#include <mutex>
#include <span>
#include <utility>

#include "graft/base/printable.h"
#include "graft/base/terminal.h"

namespace graft::engine {
namespace {

class Console final : public FrontEnd {
 public:
  explicit Console(ConsoleOptions options) : options_(std::move(options)) {}

  void note_line(std::string_view line) override { write("", line); }
  void warn_line(std::string_view line) override { write("warning: ", line); }
  bool cancelled() const override {
    return output_lost_ || (options_.cancelled && options_.cancelled());
  }

  void result_line(std::string_view line) override {
    if (is_muted()) return;
    const std::lock_guard lock(mutex_);
    live_.clear();
    const std::string text = printable(line) + '\n';
    std::fwrite(text.data(), 1, text.size(), stdout);
    if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) output_lost_ = true;
  }

  void progress(const std::vector<ProgressLine>& lines) override {
    const std::lock_guard lock(mutex_);
    if (lines.empty()) return live_.clear();
    if (is_muted() || !stderr_is_terminal()) return;
    std::vector<std::string> texts;
    for (const ProgressLine& line : lines) {
      const std::span<const double> curve = line.curve;
      texts.push_back(progress_line(line.share, line.fields,
                                    stderr_shows_blocks() ? curve : curve.first(0),
                                    live_line_width()));
    }
    live_.show(texts);
  }

 private:
  bool is_muted() const { return options_.muted && options_.muted(); }

  void write(const char* before, std::string_view line) {
    if (is_muted()) return;
    const std::lock_guard lock(mutex_);
    live_.clear();
    const std::string words = options_.words ? options_.words(line) : std::string(line);
    write_error(fmt::format("{}{}\n", before, printable(words)));
  }

  ConsoleOptions options_;
  std::mutex mutex_;
  LiveLine live_;
  std::atomic<bool> output_lost_ = false;
};

}  // namespace

std::shared_ptr<FrontEnd> make_console(ConsoleOptions options) {
  return std::make_shared<Console>(std::move(options));
}

}  // namespace graft::engine
