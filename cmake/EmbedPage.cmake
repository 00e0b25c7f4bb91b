# Adds a source to `target` that holds graft/report/page.html, so that the program needs no file beside it. An array of
# bytes, since a literal of that length is more than compilers must take.
function(graft_embed_page target)
  set(page "${PROJECT_SOURCE_DIR}/graft/report/page.html")
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS "${page}")
  file(READ "${page}" bytes HEX)
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
  string(REGEX REPLACE "(....................................................................................................)"
         "\\1\n" bytes "${bytes}")
  file(CONFIGURE OUTPUT "${PROJECT_BINARY_DIR}/generated/report_page.cpp" @ONLY CONTENT
[[#include "graft/report/page.h"

namespace graft::report {
namespace {

constexpr unsigned char kPage[] = {
@bytes@};

}  // namespace

std::string_view page_template() {
  return {reinterpret_cast<const char*>(kPage), sizeof kPage};
}

}  // namespace graft::report
]])
  target_sources(${target} PRIVATE "${PROJECT_BINARY_DIR}/generated/report_page.cpp")
endfunction()
