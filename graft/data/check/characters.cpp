#include <fmt/format.h>

#include <algorithm>
#include <string_view>

#include "graft/data/check/record_check.h"

// Characters that tell of a text that was damaged before it came here.
namespace graft::data::check {
namespace {

using std::string_view_literals::operator""sv;

size_t count_of(std::string_view text, std::string_view what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string_view::npos; at = text.find(what, at + 1)) {
    ++count;
  }
  return count;
}

void look_for_broken_characters(const RecordView& view, const ControlTokens&, const Found& found) {
  constexpr std::pair<std::string_view, const char*> kCharacters[] = {
      {"\uFFFD"sv, "U+FFFD"}, {"\0"sv, "NUL"}, {"\uFEFF"sv, "U+FEFF, a byte order mark,"}};
  for_each_text(view, [&](const std::string& place, std::string_view text) {
    for (const auto& [character, name] : kCharacters) {
      const size_t count = count_of(text, character);
      if (count > 0) {
        found(fmt::format("{}: {} {}", place, name,
                          count == 1 ? "once" : fmt::format("{} times", count)));
      }
    }
  });
}

// UTF-8 that was read as Windows-1252 or Latin-1: two letters where one was.
void look_for_double_encoding(const RecordView& view, const ControlTokens&, const Found& found) {
  constexpr std::string_view kSigns[] = {
      "\u00E2\u20AC\u2122", "\u00E2\u20AC\u0153", "\u00E2\u20AC\u201C", "\u00E2\u20AC\u201D",
      "\u00E2\u20AC\u00A6", "\u00C3\u00A9",       "\u00C3\u00A8",       "\u00C3\u00A1",
      "\u00C3\u00B6",       "\u00C3\u00BC",       "\u00C3\u00A4",       "\u00C3\u0178",
      "\u00C3\u00B3",       "\u00C3\u00B1",       "\u00C3\u00A7",       "\u00E2\u0080\u0099"};
  for_each_text(view, [&](const std::string& place, std::string_view text) {
    for (const std::string_view sign : kSigns) {
      if (text.find(sign) == std::string_view::npos) continue;
      return found(fmt::format("{}: {}", place, sign));
    }
  });
}

}  // namespace

const RecordCheck kBrokenCharacters = {
    {"broken_character", "characters that were damaged",
     "U+FFFD stands where a character was lost, NUL and U+FEFF belong in no text"},
    look_for_broken_characters};
const RecordCheck kDoubleEncoding = {
    {"double_encoding", "texts encoded twice",
     "UTF-8 was read as another encoding and saved again: repair it where it comes from"},
    look_for_double_encoding};

}  // namespace graft::data::check
