#pragma once

#include <string_view>

namespace graft::report {

/// graft/report/page.html, as it was when the program was built.
std::string_view page_template();

}  // namespace graft::report
