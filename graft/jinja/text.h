#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

// Python's str, on UTF-8. Positions that callers see count characters.
namespace graft::jinja {

std::string upper(std::string_view text);
std::string lower(std::string_view text);
/// The first character upper, all others lower.
std::string capitalized(std::string_view text);

/// Strips the characters in `characters`, or white space if it is null, from the ends.
std::string_view stripped(std::string_view text, const std::string* characters, bool left,
                          bool right);

/// As str.split and str.rsplit: `separator` null splits at runs of white space; `most` -1 is no
/// limit.
std::vector<std::string> split(std::string_view text, const std::string* separator, int64_t most);
std::vector<std::string> split_from_end(std::string_view text, const std::string* separator,
                                        int64_t most);
std::vector<std::string> split_lines(std::string_view text, bool keep_ends);

/// The first `most` (-1: all) occurrences of `from` replaced.
std::string replaced(std::string_view text, std::string_view from, std::string_view to,
                     int64_t most);

/// As str.isspace, str.isalpha and str.isdecimal of one character.
bool is_space(uint32_t code_point);
bool is_letter(uint32_t code_point);
bool is_digit(uint32_t code_point);

int64_t characters(std::string_view text);

}  // namespace graft::jinja
