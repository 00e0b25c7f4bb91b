// Reads the files whose paths stand on standard input, one a line, as rows: prints the rows as
// JSON, one a line, and behind each file "." and what is wrong with it.

#include <iostream>
#include <string>

#include "graft/base/error.h"
#include "graft/data/rows/row_reader.h"

int main() {
  using namespace graft;
  for (std::string path; std::getline(std::cin, path);) {
    std::string error;
    try {
      data::for_each_row(path, "file", [](const ordered_json& row, int64_t) {
        std::string text = row.dump(-1, ' ', true);
        std::cout << text << "\n";
      });
    } catch (const Error& problem) {
      error = problem.what();
    }
    std::cout << "." << error << "\n";
  }
}
