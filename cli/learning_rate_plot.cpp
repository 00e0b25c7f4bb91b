#include "cli/learning_rate_plot.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace graft::cli {
namespace {

constexpr int kRows = 10;
constexpr int kLabel = 9;  // columns of a row's label, the axis included

using Points = std::vector<training::LearningRateSearch::Point>;

// The smoothed loss of each column.
std::vector<double> losses_of_columns(const Points& points, size_t columns) {
  std::vector<double> losses;
  for (size_t i = 0; i < columns; ++i) {
    losses.push_back(points[i * points.size() / columns].smoothed);
  }
  return losses;
}

// The column of the rate that is nearest.
size_t column_of(double rate, const Points& points, size_t columns) {
  const auto found =
      std::min_element(points.begin(), points.end(), [&](const auto& a, const auto& b) {
        return std::abs(std::log(a.learning_rate / rate)) <
               std::abs(std::log(b.learning_rate / rate));
      });
  return static_cast<size_t>(found - points.begin()) * columns / points.size();
}

}  // namespace

std::string learning_rate_plot(const training::LearningRateSearch& search, int columns) {
  const Points& points = search.points;
  if (points.empty()) return "";
  const size_t width = std::min(points.size(), static_cast<size_t>(std::max(columns - kLabel, 8)));
  const std::vector<double> losses = losses_of_columns(points, width);
  double low = points.front().smoothed, high = low;
  for (const double loss : losses) {
    if (std::isfinite(loss)) low = std::min(low, loss);
  }
  // Beyond its lowest point the loss explodes: what matters is before that.
  for (size_t i = 0; i < width && losses[i] != low; ++i) high = std::max(high, losses[i]);
  high += 0.1 * (high - low) + 1e-3;
  std::vector<std::string> rows(kRows, std::string(width, ' '));
  for (size_t i = 0; i < width; ++i) {
    const double share = std::isfinite(losses[i]) ? (losses[i] - low) / (high - low) : 2;
    const auto row = static_cast<size_t>(std::lround((1 - std::min(share, 1.0)) * (kRows - 1)));
    rows[row][i] = share > 1 ? '^' : '*';
  }
  std::string text;
  for (int i = 0; i < kRows; ++i) {
    const double loss = high - (high - low) * i / (kRows - 1);
    const bool labelled = i % 3 == 0;
    text += fmt::format("{:>7} |{}\n", labelled ? fmt::format("{:.3f}", loss) : "",
                        rows[static_cast<size_t>(i)]);
  }
  text += std::string(kLabel - 1, ' ') + "+" + std::string(width, '-') + "\n";
  const std::string first = fmt::format("{:.0e}", points.front().learning_rate),
                    last = fmt::format("{:.0e}", points.back().learning_rate);
  std::string axis(width, ' ');
  axis.replace(0, std::min(width, first.size()), first);
  if (width > first.size() + last.size() + 1) axis.replace(width - last.size(), last.size(), last);
  if (search.suggested) {
    const size_t at = column_of(*search.suggested, points, width);
    axis[at] = '^';
    const std::string label = fmt::format("{:.1e}", *search.suggested);
    if (at + 1 + label.size() < width - last.size()) {
      axis.replace(at + 1, label.size(), label);
    } else if (at > label.size() + first.size()) {
      axis.replace(at - label.size(), label.size(), label);
    }
  }
  return text + std::string(kLabel, ' ') + axis + "\n";
}

}  // namespace graft::cli
