#include "graft/evaluation/number.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "graft/evaluation/text.h"

namespace graft::evaluation {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<double> last() {
    std::optional<double> found;
    while (at_ < text_.size()) {
      if (!begins_number()) {
        ++at_;
        continue;
      }
      if (const auto number = read()) found = number;
    }
    return found;
  }

 private:
  bool digit_at(size_t i) const { return i < text_.size() && is_digit(text_[i]); }

  bool begins_number() const {
    return digit_at(at_) ||
           (text_[at_] == '.' && digit_at(at_ + 1) && (at_ == 0 || !is_digit(text_[at_ - 1])));
  }

  // Whether a minus stands before the number and belongs to it.
  bool negative() const {
    size_t sign = 0;
    if (at_ >= 1 && text_[at_ - 1] == '-') sign = 1;
    if (at_ >= 3 && text_.substr(at_ - 3, 3) == "\xE2\x88\x92") sign = 3;
    if (sign == 0) return false;
    const size_t before = at_ - sign;
    return before == 0 || !(is_digit(text_[before - 1]) || is_letter(text_[before - 1]));
  }

  std::optional<double> read() {
    std::string digits = negative() ? "-" : "";
    const size_t begin = at_;
    while (digit_at(at_)) digits += text_[at_++];
    if (at_ - begin <= 3 && at_ > begin) {
      while (at_ < text_.size() && text_[at_] == ',' && digit_at(at_ + 1) && digit_at(at_ + 2) &&
             digit_at(at_ + 3) && !digit_at(at_ + 4)) {
        digits += text_.substr(at_ + 1, 3);
        at_ += 4;
      }
    }
    if (at_ < text_.size() && text_[at_] == '.' && digit_at(at_ + 1)) {
      if (at_ == begin) digits += '0';
      digits += text_[at_++];
      while (digit_at(at_)) digits += text_[at_++];
    }
    if (at_ < text_.size() && (text_[at_] == 'e' || text_[at_] == 'E')) {
      size_t end = at_ + 1;
      if (end < text_.size() && (text_[end] == '-' || text_[end] == '+')) ++end;
      if (digit_at(end)) {
        digits += 'e';
        if (text_[at_ + 1] == '-') digits += '-';
        while (digit_at(end)) digits += text_[end++];
        at_ = end;
      }
    }
    double number = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (error != std::errc() || end != digits.data() + digits.size()) return {};
    return number;
  }

  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::optional<double> last_number(std::string_view text) { return Scanner(text).last(); }

std::optional<double> whole_number(std::string_view text) {
  std::string digits(trimmed(text));
  std::erase(digits, ',');
  double number = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  const bool whole = error == std::errc() && end == digits.data() + digits.size();
  if (!whole || !std::isfinite(number)) return {};
  return number;
}

bool close(double a, double b, double tolerance) {
  if (a == b) return true;
  return std::abs(a - b) <= tolerance * std::max({1.0, std::abs(a), std::abs(b)});
}

}  // namespace graft::evaluation
