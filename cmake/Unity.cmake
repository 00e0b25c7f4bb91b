# With GRAFT_UNITY the sources of a folder are compiled some together: the templates that they share (JSON, options,
# GoogleTest) are instantiated once, and a build from nothing takes half the time. The preset `dev` compiles each file
# by itself, so that a change compiles little and every file is seen to name what it uses.
option(GRAFT_UNITY "Compile sources of a folder together" OFF)

# Sets `out` to the sources of `target` that are given after it: as they are, or as files that include some of them
# each, by paths from the root of the tree, so that ccache finds them wherever the tree lies.
function(graft_unity out target)
  if(NOT GRAFT_UNITY)
    set(${out} ${ARGN} PARENT_SCOPE)
    return()
  endif()
  set(most 10) # sources compiled together, so that there is work for several processors
  set(alone)
  set(groups)
  foreach(source IN LISTS ARGN)
    cmake_path(RELATIVE_PATH source BASE_DIRECTORY "${PROJECT_SOURCE_DIR}" OUTPUT_VARIABLE path)
    cmake_path(GET path PARENT_PATH folder)
    get_source_file_property(definitions "${source}" COMPILE_DEFINITIONS)
    # Each test of a kernel has a Case of its own; definitions of a file's own are for it alone.
    if(folder MATCHES "/kernels$" OR definitions)
      list(APPEND alone "${source}")
      continue()
    endif()
    string(REPLACE "/" "_" name "${folder}")
    math(EXPR count_${name} "0${count_${name}} + 1")
    math(EXPR part "(${count_${name}} - 1) / ${most}")
    list(APPEND groups ${name}_${part})
    string(APPEND text_${name}_${part} "#include \"${path}\"\n")
  endforeach()
  list(REMOVE_DUPLICATES groups)
  foreach(group IN LISTS groups)
    set(file "${CMAKE_CURRENT_BINARY_DIR}/unity/${target}/${group}.cpp")
    file(CONFIGURE OUTPUT "${file}" CONTENT "${text_${group}}" @ONLY)
    list(APPEND alone "${file}")
  endforeach()
  set(${out} ${alone} PARENT_SCOPE)
endfunction()

# For a target with such sources: GCC takes them for headers.
function(graft_unity_warnings target)
  if(GRAFT_UNITY AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    target_compile_options(${target} PRIVATE -Wno-subobject-linkage)
  endif()
endfunction()
