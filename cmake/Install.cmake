# `cmake --install build --prefix P` makes a folder that can be moved:
#
#   bin/graft                  the program, which finds MLX by a path relative to itself
#   lib/libgraft.a, include/   the library: the headers of graft/engine and what they include
#   lib/cmake/graft/           for find_package(graft)
#   lib/graft/mlx/             MLX's library, headers and CMake files, as its wheel has them
#   lib/graft/mlx_cpu.libs/    BLAS and Fortran, where libmlx.so looks for them: ../../mlx_cpu.libs
#   lib/graft/libgraft_parquet.so, lib/graft/arrow/   the reader of Parquet, and Arrow's libraries
#   share/doc/graft/           licences: graft's, and in licenses/ those of MLX, mlx_cpu.libs and Arrow
#
# The system libraries that graft links stay where they are.
include(CMakePackageConfigHelpers)
include(PublicHeaders)

set(graft_private_dir "${CMAKE_INSTALL_LIBDIR}/graft")
set(graft_config_dir "${CMAKE_INSTALL_LIBDIR}/cmake/graft")
set(graft_doc_dir "${CMAKE_INSTALL_DATADIR}/doc/graft")

get_filename_component(graft_mlx_root "${MLX_DIR}/../../.." ABSOLUTE)
get_filename_component(graft_site_packages "${graft_mlx_root}/.." ABSOLUTE)
file(GLOB graft_mlx_infos "${graft_site_packages}/mlx-*.dist-info"
     "${graft_site_packages}/mlx_*.dist-info")
# An MLX that was not installed as a wheel is somebody else's to install.
set(GRAFT_BUNDLES_MLX OFF)
if(graft_mlx_infos)
  set(GRAFT_BUNDLES_MLX ON)
  install(DIRECTORY "${graft_mlx_root}/lib" "${graft_mlx_root}/include" "${graft_mlx_root}/share"
          DESTINATION "${graft_private_dir}/mlx" USE_SOURCE_PERMISSIONS)
  file(GLOB graft_mlx_libs "${graft_site_packages}/mlx*.libs")
  if(graft_mlx_libs)
    install(DIRECTORY ${graft_mlx_libs} DESTINATION "${graft_private_dir}" USE_SOURCE_PERMISSIONS)
    # Their licences, which the wheel lacks.
    install(DIRECTORY "${PROJECT_SOURCE_DIR}/cmake/licenses" DESTINATION "${graft_doc_dir}")
  endif()
  foreach(info IN LISTS graft_mlx_infos)
    get_filename_component(name "${info}" NAME)
    string(REPLACE ".dist-info" "" name "${name}")
    install(DIRECTORY "${info}/licenses/" DESTINATION "${graft_doc_dir}/licenses/${name}")
    # Which packages the bundled libraries were taken from.
    if(EXISTS "${info}/sboms")
      install(DIRECTORY "${info}/sboms/" DESTINATION "${graft_doc_dir}/licenses/${name}")
    endif()
  endforeach()

  file(RELATIVE_PATH graft_mlx_from_bin "/${CMAKE_INSTALL_BINDIR}" "/${graft_private_dir}/mlx/lib")
  if(APPLE)
    set_target_properties(graft_cli PROPERTIES INSTALL_RPATH "@loader_path/${graft_mlx_from_bin}")
  else()
    set_target_properties(graft_cli PROPERTIES INSTALL_RPATH "$ORIGIN/${graft_mlx_from_bin}")
  endif()
endif()

if(TARGET graft_parquet)
  set_target_properties(graft_parquet PROPERTIES INSTALL_RPATH "$<IF:$<PLATFORM_ID:Darwin>,@loader_path,$ORIGIN>/arrow")
  install(TARGETS graft_parquet LIBRARY DESTINATION "${graft_private_dir}")
  install(FILES ${graft_arrow_libraries} DESTINATION "${graft_private_dir}/arrow"
          PERMISSIONS OWNER_READ OWNER_WRITE OWNER_EXECUTE GROUP_READ GROUP_EXECUTE WORLD_READ WORLD_EXECUTE)
  file(GLOB graft_arrow_infos "${GRAFT_ARROW_ROOT}/../pyarrow-*.dist-info")
  foreach(info IN LISTS graft_arrow_infos)
    get_filename_component(name "${info}" NAME)
    string(REPLACE ".dist-info" "" name "${name}")
    install(DIRECTORY "${info}/licenses/" DESTINATION "${graft_doc_dir}/licenses/${name}")
  endforeach()
endif()

install(TARGETS graft_cli RUNTIME DESTINATION "${CMAKE_INSTALL_BINDIR}")
install(TARGETS graft EXPORT graftTargets ARCHIVE DESTINATION "${CMAKE_INSTALL_LIBDIR}")
graft_public_headers(graft_headers)
foreach(header IN LISTS graft_headers)
  cmake_path(GET header PARENT_PATH folder)
  install(FILES "${PROJECT_SOURCE_DIR}/${header}" DESTINATION "${CMAKE_INSTALL_INCLUDEDIR}/${folder}")
endforeach()
install(FILES "${PROJECT_SOURCE_DIR}/LICENSE" DESTINATION "${graft_doc_dir}")

install(EXPORT graftTargets NAMESPACE graft:: DESTINATION "${graft_config_dir}")
configure_package_config_file(
  "${PROJECT_SOURCE_DIR}/cmake/graftConfig.cmake.in" "${PROJECT_BINARY_DIR}/graftConfig.cmake"
  INSTALL_DESTINATION "${graft_config_dir}" PATH_VARS graft_private_dir)
write_basic_package_version_file("${PROJECT_BINARY_DIR}/graftConfigVersion.cmake"
                                 COMPATIBILITY SameMinorVersion)
install(FILES "${PROJECT_BINARY_DIR}/graftConfig.cmake"
              "${PROJECT_BINARY_DIR}/graftConfigVersion.cmake"
              "${PROJECT_SOURCE_DIR}/cmake/Findutf8proc.cmake"
        DESTINATION "${graft_config_dir}")
