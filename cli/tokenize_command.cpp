#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <iterator>
#include <memory>
#include <optional>

#include "cli/colour.h"
#include "cli/commands.h"
#include "cli/data_options.h"
#include "cli/named.h"
#include "cli/output.h"
#include "cli/threads_option.h"
#include "graft/base/error.h"
#include "graft/base/files.h"
#include "graft/data/records/formats.h"
#include "graft/data/renderer.h"
#include "graft/data/rows/row_reader.h"
#include "graft/io/json.h"
#include "graft/tokenizer/chat_template.h"
#include "graft/tokenizer/stream_decoder.h"
#include "graft/tokenizer/tokenizer.h"
#include "graft/unicode/unicode.h"

namespace graft::cli {
namespace {

struct TokenizeCommand {
  std::string model = "mlx_model";
  std::string file = "-";
  bool decode = false, chat = false, ids = false, count = false;
  engine::DataOptions data;
  data::RenderOptions render;
};

std::string read_input(const std::string& file, FrontEnd& front_end) {
  if (file != "-") return read_text(file);
  if (isatty(STDIN_FILENO) != 0) {
    front_end.note("Reading text from the terminal; Ctrl-D ends it");
  }
  return {std::istreambuf_iterator<char>(std::cin), std::istreambuf_iterator<char>()};
}

// Lines without their ends, LF or CR LF; text after the last end is a line if it is not empty.
std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    lines.emplace_back(line);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

// Whether a text is a data set, whose first row tells: an object that is a record.
bool is_data_set(std::string_view text, const data::RowKeys& keys) {
  if (text.starts_with("\xEF\xBB\xBF")) text.remove_prefix(3);  // a byte order mark
  if (!text.starts_with('{') && !text.starts_with('[')) return false;
  try {
    const auto rows = data::read_rows(text, "");
    data::RawRow first;
    if (!rows->next(first)) return false;
    data::format_of(rows->parse(first), keys, "");
    return true;
  } catch (const Error&) {
    return false;
  }
}

// The texts of an input: those of a data set's records, its lines, or all of it as one.
class Input {
 public:
  Input(const TokenizeCommand& o, const tokenizer::Tokenizer& tokenizer, FrontEnd& front_end)
      : name_(o.file == "-" ? "standard input" : o.file),
        by_line_(o.ids),
        keys_(o.data.keys),
        renderer_(data::chat_form(o.model, tokenizer), o.render) {
    if (o.chat && !renderer_.has_own_template()) {
      fail("{}: --chat needs a chat template, and this model has none", o.model);
    }
    if (o.chat) chat_ = tokenizer::ChatTemplate::load(o.model, tokenizer.special_tokens());
    const bool is_table = data::is_row_file(o.file);
    if (!is_table) text_ = read_input(o.file, front_end);
    if (is_table) {
      read_records(*data::open_rows(o.file, name_));
    } else if (is_data_set(text_, keys_)) {
      read_records(*data::read_rows(text_, name_));
    } else if (by_line_) {
      for (const std::string& line : lines_of(text_)) add_text(line);
    } else {
      add_text(text_);
    }
  }

  const std::vector<std::string>& texts() const { return texts_; }

  /// Whether texts are rendered chats, which have their special tokens.
  bool is_chat() const { return from_template_; }

 private:
  void read_records(data::RowReader& rows) {
    const data::RecordFormat* format = nullptr;
    data::for_each_row(rows, [&](const ordered_json& row, int64_t line) {
      const std::string where = fmt::format("{}:{}", name_, line);
      if (format == nullptr) format = &data::format_of(row, keys_, where);
      const data::RecordContent content = data::read_record(row, *format, keys_, where);
      if (!chat_) return add(renderer_.render(content, where));
      if (const auto* text = std::get_if<data::TextRecord>(&content)) return add_text(text->text);
      const auto* chat = std::get_if<data::ChatRecord>(&content);
      if (chat == nullptr) return add(renderer_.render(content, where));
      ordered_json variables = chat->variables;
      // What the model answers to is followed by the beginning of its answer.
      const ordered_json role = variables["messages"].back()["role"];
      variables["add_generation_prompt"] = role == "user" || role == "tool";
      add({.text = chat_->apply(variables), .from_template = true});
    });
  }

  void add(data::RenderedText rendered) {
    from_template_ = rendered.from_template;
    texts_.push_back(std::move(rendered.text));
  }

  // A text as a user's message, where there is a template.
  void add_text(const std::string& text) {
    from_template_ = chat_.has_value();
    texts_.push_back(chat_ ? chat_->apply({{"user", text}}, true) : text);
  }

  std::string name_, text_;
  bool by_line_;
  data::RowKeys keys_;
  data::Renderer renderer_;
  std::optional<tokenizer::ChatTemplate> chat_;
  std::vector<std::string> texts_;
  bool from_template_ = false;
};

// Printable on one line: a space as a middle dot, invalid UTF-8 as its bytes.
std::string visible(std::string_view piece) {
  std::string result;
  while (!piece.empty()) {
    size_t valid = unicode::valid_prefix(piece);
    for (size_t i = 0; i < valid;) {
      unicode::CodePoint c = unicode::decode(piece.data() + i);
      unicode::Properties p = unicode::properties_of(c.value);
      bool marks_or_nothing =
          p.in(unicode::set_of({unicode::Category::Cc, unicode::Category::control_space,
                                unicode::Category::Cf, unicode::Category::Co, unicode::Category::Cn,
                                unicode::Category::Zl, unicode::Category::Zp}));
      if (c.value == ' ') {
        result += "\u00B7";
      } else if (c.value == '\n') {
        result += "\\n";
      } else if (c.value == '\r') {
        result += "\\r";
      } else if (c.value == '\t') {
        result += "\\t";
      } else if (marks_or_nothing) {
        result += fmt::format("\\u{{{:x}}}", c.value);
      } else {
        result += piece.substr(i, c.size);
      }
      i += c.size;
    }
    piece.remove_prefix(valid);
    if (piece.empty()) break;
    result += fmt::format("\\x{:02x}", static_cast<unsigned char>(piece.front()));
    piece.remove_prefix(1);
  }
  return result;
}

// One line per token: where it begins in the text of all tokens (bytes), its id, its piece.
void print_tokens(const tokenizer::Tokenizer& tokenizer, const std::vector<int32_t>& ids) {
  constexpr const char *kEven = "\x1b[36m", *kOdd = "\x1b[33m", *kSpecial = "\x1b[35;1m";
  const bool colour = stdout_has_colour();
  tokenizer::DecodeState state(tokenizer.decoder());
  std::string text;
  print_out("{:>8} {:>8}  piece\n", "offset", "id");
  for (size_t i = 0; i < ids.size(); ++i) {
    size_t offset = text.size();
    state.push(tokenizer.piece(ids[i]), text);
    const char* paint = tokenizer.is_special(ids[i]) ? kSpecial : i % 2 == 0 ? kEven : kOdd;
    print_raw(fmt::format("{:>8} {:>8}  {}{}{}\n", offset, ids[i], colour ? paint : "",
                          visible(tokenizer.piece(ids[i])), colour ? "\x1b[0m" : ""));
  }
}

void print_counts(const std::vector<std::vector<int32_t>>& all) {
  size_t tokens = 0, longest = 0;
  for (const auto& ids : all) {
    tokens += ids.size();
    longest = std::max(longest, ids.size());
  }
  if (all.size() == 1) {
    print_out("{} tokens\n", tokens);
  } else {
    print_out("{} tokens in {} texts, {} in the longest\n", tokens, all.size(), longest);
  }
}

// Numbers between spaces, commas and brackets.
std::vector<int32_t> parse_ids(std::string_view line, const tokenizer::Tokenizer& tokenizer,
                               const std::string& where) {
  std::vector<int32_t> ids;
  for (size_t i = line.find_first_not_of(" \t,[]"); i != std::string_view::npos;
       i = line.find_first_not_of(" \t,[]", i)) {
    size_t end = std::min(line.find_first_of(" \t,[]", i), line.size());
    std::string_view word = line.substr(i, end - i);
    int32_t id = 0;
    auto [stop, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || stop != word.data() + word.size() || !tokenizer.has(id)) {
      fail("{}: {} is no id of a token", where, io::in_quotes(word));
    }
    ids.push_back(id);
    i = end;
  }
  return ids;
}

void run_decode(const TokenizeCommand& o, const tokenizer::Tokenizer& tokenizer,
                FrontEnd& front_end) {
  std::vector<std::string> lines = lines_of(read_input(o.file, front_end));
  for (size_t i = 0; i < lines.size(); ++i) {
    std::string where = fmt::format("{}:{}", o.file == "-" ? "standard input" : o.file, i + 1);
    print_text(tokenizer.decode(parse_ids(lines[i], tokenizer, where)) + "\n");
  }
}

void run(TokenizeCommand& o, const engine::Runtime& runtime) {
  o.model = model_path(runtime, o.model).string();
  tokenizer::Tokenizer tokenizer = tokenizer::Tokenizer::load(o.model);
  if (o.decode) return run_decode(o, tokenizer, runtime.front_end());
  o.render.train_on = tokenizer::TrainOn::all;
  const Input input(o, tokenizer, runtime.front_end());
  std::vector<std::vector<int32_t>> all =
      tokenizer.encode_batch(input.texts(), {.add_special_tokens = !input.is_chat()});
  if (o.count) return print_counts(all);
  for (size_t i = 0; i < all.size(); ++i) {
    if (o.ids) {
      print_out("{}\n", fmt::join(all[i], " "));
      continue;
    }
    if (i > 0) print_out("\n");
    print_tokens(tokenizer, all[i]);
  }
}

}  // namespace

void add_tokenize_command(CLI::App& app, engine::Runtime& runtime) {
  auto o = std::make_shared<TokenizeCommand>();
  CLI::App* command = app.add_subcommand("tokenize", "Show the tokens that a model sees in a text");
  command->option_defaults()->always_capture_default()->take_last();
  command->add_option("--model", o->model, "Folder of a model; its tokenizer's files are enough");
  command->add_option("file", o->file,
                      "A text, or a data set in any of its formats, whose records are shown as "
                      "training sees them; -: standard input");
  CLI::Option* chat = command->add_flag(
      "--chat", o->chat,
      "Put a text into the model's chat template, as a user's message; end a chat that "
      "waits for an answer with the beginning of one");
  CLI::Option* ids = command->add_flag(
      "--ids", o->ids, "Print ids only: a line for each line of the data set, or of the text");
  CLI::Option* count = command->add_flag("--count", o->count, "Print how many tokens there are");
  count->excludes(ids);
  CLI::Option* decode = command->add_flag("--decode", o->decode,
                                          "Take ids, a line for each text, and print the texts");
  add_key_options(*command, o->data.keys);
  command->add_flag("--raw-pairs", o->render.raw_pairs,
                    "Show prompt and completion as they are, without the chat template");
  decode->excludes(chat)->excludes(ids)->excludes(count);
  add_threads_option(*command, runtime, "Threads to use");
  on_run(*command, runtime, [o, &runtime] { run(*o, runtime); });
}

}  // namespace graft::cli
