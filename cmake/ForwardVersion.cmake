# Adds a source to `target` with a hash over all that decides the numbers of a forward pass: the sources of readers,
# kernels, operations, models and what is kept of them, compiler and flags. What was kept of another build is known by it. As a script (cmake -P) it
# writes that source.
if(CMAKE_SCRIPT_MODE_FILE)
  set(all "${SETTINGS}")
  file(GLOB_RECURSE files "${ROOT}/graft/io/*" "${ROOT}/graft/kernels/*" "${ROOT}/graft/ops/*" "${ROOT}/graft/nn/*"
       "${ROOT}/graft/models/*" "${ROOT}/graft/trunk/*")
  list(SORT files)
  foreach(file IN LISTS files)
    file(SHA256 "${file}" hash)
    string(APPEND all " ${hash}")
  endforeach()
  string(SHA256 version "${all}")
  file(CONFIGURE OUTPUT "${OUTPUT}" @ONLY CONTENT
[[#include "graft/trunk/forward_version.h"

namespace graft::trunk {

std::string_view forward_version() { return "@version@"; }

}  // namespace graft::trunk
]])
  return()
endif()

function(graft_forward_version target)
  file(GLOB_RECURSE files CONFIGURE_DEPENDS "${PROJECT_SOURCE_DIR}/graft/io/*" "${PROJECT_SOURCE_DIR}/graft/kernels/*"
       "${PROJECT_SOURCE_DIR}/graft/ops/*" "${PROJECT_SOURCE_DIR}/graft/nn/*" "${PROJECT_SOURCE_DIR}/graft/models/*"
       "${PROJECT_SOURCE_DIR}/graft/trunk/*")
  set(output "${PROJECT_BINARY_DIR}/generated/forward_version.cpp")
  set(settings "${CMAKE_CXX_COMPILER_ID} ${CMAKE_CXX_COMPILER_VERSION} ${CMAKE_SYSTEM_PROCESSOR} ${CMAKE_CXX_FLAGS}")
  string(TOUPPER "${CMAKE_BUILD_TYPE}" type)
  string(APPEND settings " ${type} ${CMAKE_CXX_FLAGS_${type}} ${MLX_VERSION} ${GRAFT_SANITIZE}")
  add_custom_command(OUTPUT "${output}" DEPENDS ${files} "${PROJECT_SOURCE_DIR}/cmake/ForwardVersion.cmake"
                     COMMAND ${CMAKE_COMMAND} "-DSETTINGS=${settings}" "-DROOT=${PROJECT_SOURCE_DIR}"
                             "-DOUTPUT=${output}" -P "${PROJECT_SOURCE_DIR}/cmake/ForwardVersion.cmake"
                     VERBATIM COMMENT "Hashing the sources of kernels and models")
  target_sources(${target} PRIVATE "${output}")
endfunction()
