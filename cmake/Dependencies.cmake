# Every library that graft links, found in one place.
set(GRAFT_LIBRARY_SOURCES "" CACHE PATH
    "A folder with the sources of fmt, Highway and GoogleTest: built along, instead of found installed")
if(GRAFT_LIBRARY_SOURCES)
  include(LibrarySources)
endif()

find_package(Threads REQUIRED)
find_package(nlohmann_json 3.11 REQUIRED)
if(NOT TARGET fmt::fmt)
  find_package(fmt REQUIRED)
endif()
find_package(PkgConfig REQUIRED)
if(GRAFT_CPU_KERNELS AND NOT TARGET PkgConfig::HWY)
  pkg_check_modules(HWY REQUIRED IMPORTED_TARGET GLOBAL libhwy)
endif()
if(GRAFT_KERNELS_ONLY)
  return()
endif()

# MLX comes from its Python wheel: the folder that holds its CMake package is asked from the
# interpreter of .venv, unless CMAKE_PREFIX_PATH has it.
set(GRAFT_MLX_VERSION 0.32.4)

find_program(GRAFT_MLX_PYTHON NAMES python3 python PATHS "${PROJECT_SOURCE_DIR}/.venv/bin"
             NO_DEFAULT_PATH)
if(NOT MLX_DIR AND GRAFT_MLX_PYTHON)
  execute_process(COMMAND "${GRAFT_MLX_PYTHON}" -m mlx --cmake-dir
                  OUTPUT_VARIABLE graft_mlx_dir OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  list(PREPEND CMAKE_PREFIX_PATH "${graft_mlx_dir}")
endif()
find_package(MLX CONFIG REQUIRED)

file(STRINGS "${MLX_INCLUDE_DIRS}/mlx/version.h" graft_mlx_version_lines REGEX "define MLX_VERSION_(MAJOR|MINOR|PATCH)")
string(REGEX REPLACE "[^0-9;]" "" graft_mlx_found "${graft_mlx_version_lines}")
string(REPLACE ";" "." graft_mlx_found "${graft_mlx_found}")
if(NOT graft_mlx_found VERSION_EQUAL GRAFT_MLX_VERSION)
  message(FATAL_ERROR "graft is built for MLX ${GRAFT_MLX_VERSION}, but ${MLX_INCLUDE_DIRS} holds "
                      "${graft_mlx_found}: run scripts/setup.sh, which installs the right one")
endif()

# Arrow reads Parquet; it comes from its Python wheel too. Without it data sets are JSON and CSV.
set(GRAFT_ARROW_ROOT "" CACHE PATH "A folder with Arrow's include/ and libraries, as pyarrow has it")
if(NOT GRAFT_ARROW_ROOT AND GRAFT_MLX_PYTHON)
  execute_process(COMMAND "${GRAFT_MLX_PYTHON}" -c
                          "import importlib.util as u; print(u.find_spec('pyarrow').submodule_search_locations[0])"
                  OUTPUT_VARIABLE graft_arrow_root OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
  set(GRAFT_ARROW_ROOT "${graft_arrow_root}")
endif()
file(GLOB graft_arrow_libraries "${GRAFT_ARROW_ROOT}/libparquet.so.*" "${GRAFT_ARROW_ROOT}/libarrow.so.*"
     "${GRAFT_ARROW_ROOT}/libparquet.*.dylib" "${GRAFT_ARROW_ROOT}/libarrow.*.dylib")
if(GRAFT_ARROW_ROOT AND graft_arrow_libraries)
  add_library(graft_arrow INTERFACE)
  target_include_directories(graft_arrow SYSTEM INTERFACE "${GRAFT_ARROW_ROOT}/include")
  target_link_libraries(graft_arrow INTERFACE ${graft_arrow_libraries})
else()
  message(STATUS "No Arrow: graft will read data sets as JSON and CSV only")
endif()

if(GRAFT_PROGRAM)
  find_package(CLI11 REQUIRED)
endif()
find_package(CURL REQUIRED)
find_package(OpenSSL REQUIRED)
find_package(LibArchive REQUIRED)
pkg_check_modules(LIBZIP REQUIRED IMPORTED_TARGET GLOBAL libzip)
pkg_check_modules(YAML REQUIRED IMPORTED_TARGET GLOBAL yaml-cpp)
pkg_check_modules(PCRE2 REQUIRED IMPORTED_TARGET GLOBAL libpcre2-8)
pkg_check_modules(ZSTD REQUIRED IMPORTED_TARGET GLOBAL libzstd)
find_package(ZLIB REQUIRED)
find_package(SQLite3 3.31 REQUIRED)
find_package(utf8proc REQUIRED)
