# fmt, Highway and GoogleTest from their sources, under the names that they have when they are found
# installed: for a processor of which no libraries are installed. scripts/setup.sh arm gets the sources.
foreach(option IN ITEMS BUILD_GMOCK INSTALL_GTEST HWY_ENABLE_CONTRIB HWY_ENABLE_EXAMPLES
        HWY_ENABLE_TESTS)
  set(${option} OFF CACHE INTERNAL "")
endforeach()
foreach(library IN ITEMS fmtlib googletest highway)
  add_subdirectory("${GRAFT_LIBRARY_SOURCES}/${library}" "${PROJECT_BINARY_DIR}/${library}"
                   EXCLUDE_FROM_ALL SYSTEM)
endforeach()
add_library(PkgConfig::HWY ALIAS hwy)
