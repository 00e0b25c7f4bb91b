#include "graft/generation/batch.h"

#include <chrono>
#include <list>
#include <map>
#include <utility>

#include "graft/base/error.h"
#include "graft/generation/generate.h"
#include "graft/generation/session.h"

namespace graft::generation {
namespace {

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

  // Reads the next prompt, and picks its first token.
  void begin_next() {
    const BatchPrompt& prompt = prompts_[next_];
    Row& row = rows_.emplace_back(next_++, model_, tokenizer_, prompt, options_.ends);
    row.session.prefill(prompt.ids);
    result_.prompt_tokens += std::ssize(prompt.ids);
    take_token(std::prev(rows_.end()));
    ask();
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
