# ccache, where it is installed, set so that another clone of the tree finds what this one compiled, precompiled
# headers included. What a build finds there it does not compile: the preset `portable` shares all but ops/ with
# `release`. -DGRAFT_CCACHE=OFF, or a CMAKE_CXX_COMPILER_LAUNCHER of one's own, builds without.
option(GRAFT_CCACHE "Use ccache if it is installed" ON)
find_program(GRAFT_CCACHE_PROGRAM ccache)
mark_as_advanced(GRAFT_CCACHE_PROGRAM)
if(GRAFT_CCACHE AND GRAFT_CCACHE_PROGRAM AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER
      "${CMAKE_COMMAND}" -E env "CCACHE_BASEDIR=${PROJECT_SOURCE_DIR}" CCACHE_NOHASHDIR=1 CCACHE_DEPEND=1
      CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime
      "${GRAFT_CCACHE_PROGRAM}")
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # Has the preprocessed text name the precompiled header, which is part of what ccache looks up.
    add_compile_options(-fpch-preprocess)
  endif()
endif()
