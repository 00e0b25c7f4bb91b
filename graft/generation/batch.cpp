#include "graft/generation/batch.h"

#include <algorithm>
#include <chrono>
#include <list>
#include <map>
#include <utility>

#include "graft/base/error.h"
#include "graft/generation/generate.h"
#include "graft/generation/session.h"

namespace graft::generation {
namespace {

// Of prompts that are read together, the short and the long ones.
constexpr size_t kFewTokens = 32, kManyTokens = 512;

// A text under way.
struct Row {
  Row(size_t i, const models::Model& model, const tokenizer::Tokenizer& tokenizer,
      const BatchPrompt& prompt, const Ends& ends)
      : index(i),
        session(model),
        text(tokenizer, ends, prompt.sampler, [this](auto part) { answer.text += part; }) {
    answer.prompt_tokens = static_cast<int>(prompt.ids.size());
  }
  Row(const Row&) = delete;
  Row& operator=(const Row&) = delete;

  size_t index;
  Session session;
  BatchAnswer answer;
  Continuation text;
};

class Batch {
 public:
  Batch(const models::Model& model, const tokenizer::Tokenizer& tokenizer,
        std::span<const BatchPrompt> prompts, const BatchOptions& options, const TakeAnswer& take)
      : model_(model), tokenizer_(tokenizer), prompts_(prompts), options_(options), take_(take) {}

  BatchResult run() {
    for (;;) {
      {
        const Timed timed(result_.prompt_seconds);
        while (!stopped_ && next_ < prompts_.size() && std::ssize(rows_) < options_.batch_size) {
          begin_next();
        }
      }
      if (stopped_ || rows_.empty()) break;
      const Timed timed(result_.seconds);
      step();
    }
    for (Row& row : rows_) {
      row.text.interrupt();
      complete(row);
    }
    return result_;
  }

 private:
  // Adds the seconds that it lives to a sum.
  class Timed {
   public:
    explicit Timed(double& sum) : sum_(sum) {}
    ~Timed() {
      sum_ += std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
    }
    Timed(const Timed&) = delete;
    Timed& operator=(const Timed&) = delete;

   private:
    double& sum_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  };

  // Reads the next prompts and picks their first tokens.
  void begin_next() {
    std::vector<Session*> sessions;
    std::vector<std::span<const int32_t>> ids;
    std::vector<std::list<Row>::iterator> begun;
    for (const size_t end = end_of_next(); next_ < end; ++next_) {
      const BatchPrompt& prompt = prompts_[next_];
      begun.push_back(rows_.emplace(rows_.end(), next_, model_, tokenizer_, prompt, options_.ends));
      sessions.push_back(&begun.back()->session);
      ids.push_back(prompt.ids);
      result_.prompt_tokens += std::ssize(prompt.ids);
    }
    Session::prefill(sessions, ids);
    for (const auto& row : begun) take_token(row);
    ask();
  }

  // The end of the prompts that are read together: those that there is room for. Few at a time, to
  // be able to end between them; and short ones apart from long ones, since kernels sum the
  // products of few rows in another order.
  size_t end_of_next() const {
    const size_t room = static_cast<size_t>(options_.batch_size) - rows_.size();
    const size_t most = std::min(prompts_.size() - next_, room);
    const bool is_short = prompts_[next_].ids.size() <= kFewTokens;
    size_t count = 1, tokens = prompts_[next_].ids.size();
    for (; count < most; ++count) {
      const size_t more = prompts_[next_ + count].ids.size();
      if ((more <= kFewTokens) != is_short) break;
      tokens += more;
      if (tokens > (is_short ? kFewTokens : kManyTokens)) break;
    }
    return next_ + count;
  }

  // The next token of all texts under way.
  void step() {
    std::vector<Session*> sessions;
    std::vector<int32_t> ids;
    for (Row& row : rows_) {
      sessions.push_back(&row.session);
      ids.push_back(row.text.tokens().back());
    }
    Session::step(sessions, ids);
    for (auto row = rows_.begin(); row != rows_.end();) take_token(row++);
    ask();
  }

  void take_token(std::list<Row>::iterator row) {
    if (row->text.take(row->session.logits(), row->session.tokens())) return;
    complete(*row);
    rows_.erase(row);
  }

  void ask() {
    if (options_.interrupted && options_.interrupted()) stopped_ = true;
  }

  void complete(Row& row) {
    row.text.finish();
    row.answer.tokens = row.text.tokens();
    row.answer.steps = row.text.steps();
    row.answer.end = row.text.end();
    result_.steps += row.answer.steps;
    waiting_.emplace(row.index, std::move(row.answer));
    while (!waiting_.empty() && waiting_.begin()->first == result_.answers) {
      take_(result_.answers++, std::move(waiting_.extract(waiting_.begin()).mapped()));
    }
  }

  const models::Model& model_;
  const tokenizer::Tokenizer& tokenizer_;
  std::span<const BatchPrompt> prompts_;
  const BatchOptions& options_;
  const TakeAnswer& take_;
  size_t next_ = 0;  // the prompt
  bool stopped_ = false;
  std::list<Row> rows_;                    // at most `batch_size`
  std::map<size_t, BatchAnswer> waiting_;  // for those before them
  BatchResult result_;
};

}  // namespace

BatchResult generate_batch(const models::Model& model, const tokenizer::Tokenizer& tokenizer,
                           std::span<const BatchPrompt> prompts, const BatchOptions& options,
                           const TakeAnswer& take) {
  if (options.batch_size < 1) fail("`batch_size` must be 1 or above, found {}", options.batch_size);
  for (size_t i = 0; i < prompts.size(); ++i) {
    try {
      check_prompt(model, prompts[i].ids);
    } catch (const Error& error) {
      fail("prompt {}: {}", i + 1, error.what());
    }
  }
  return Batch(model, tokenizer, prompts, options, take).run();
}

}  // namespace graft::generation
