#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace graft {

/// True if standard error is a terminal that can redraw a line.
bool stderr_is_terminal();

/// Writes to standard error at once. A failure is ignored: there is nobody to tell.
void write_error(std::string_view text);

/// Columns of the terminal behind standard error; 80 where that is not known.
int terminal_width();

/// Whether the terminal behind standard error can be taken to show Unicode's block elements: by the
/// locale that the environment names, and not on the Linux console, whose fonts lack most.
bool stderr_shows_blocks();

/// Columns in which a terminal shows a UTF-8 text of most scripts: one for each code point.
size_t columns_of(std::string_view text);

/// Columns available to a LiveLine. Three stay free: the last one, where writing makes some
/// terminals wrap, and two for the ^C that they show.
int live_line_width();

/// One or more lines at the bottom of a terminal, redrawn in place. Draws nothing if standard error
/// is not a terminal.
class LiveLine {
 public:
  ~LiveLine() { clear(); }
  /// Replaces the lines, each cut to the terminal's width. Control characters are escaped.
  void show(const std::vector<std::string>& lines);
  /// Removes them, so that other output can be written.
  void clear();

 private:
  size_t shown_ = 0;  // lines
};

/// "[=====>    ]" with `width` cells between the brackets, for a share between 0 and 1.
std::string progress_bar(double share, int width);

/// `fields`, two spaces apart, behind a bar of at most 20 cells that takes the room left in
/// `columns`; without the bar if there is too little room. If the fields do not all fit, the last
/// ones are dropped whole, so that no number is cut.
std::string progress_line(double share, std::vector<std::string> fields, int columns);

/// The same with a curve behind the fields where at least 6 columns are left, 12 at most; the bar
/// has what remains.
std::string progress_line(double share, std::vector<std::string> fields,
                          std::span<const double> curve, int columns);

/// "59s", "12m03s", "3h07m".
std::string duration_text(double seconds);

}  // namespace graft
