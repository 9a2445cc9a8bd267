# What `cmake --install` gives. The install components, of which each becomes a package
# (rung_packages): command, torch_command, libraries, torch_libraries, c_library, dev, torch_dev.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
set(RUNG_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/rung)

# The public headers: these, and whatever they include.
set(rung_core_headers
    rung/base/rng.h
    rung/blocks/zoo.h
    rung/graph/builder.h
    rung/graph/rewrite.h
    rung/inspect/diff.h
    rung/inspect/graph_svg.h
    rung/inspect/summary.h
    rung/io/image.h
    rung/io/load_weights.h
    rung/io/model_file.h
    rung/io/numpy/npy.h
    rung/io/safetensors.h
    rung/io/state_dict.h
    rung/join/plan.h)
set(rung_onnx_headers rung/io/onnx/export.h rung/io/onnx/import.h)
set(rung_onednn_headers rung/exec/onednn/program.h)
set(rung_torch_headers rung/rung.h rung/train/recipe.h rung/train/trainer.h)
set(rung_c_headers rung/c/rung.h)

# rung_install_component(NAME PREFIX): the component NAME of the CMake package: library, headers,
# targets. PREFIX is "torch_" where they go into packages of their own.
function(rung_install_component name prefix)
  set(runtime ${prefix}libraries)
  if(name STREQUAL "c")
    set(runtime c_library)
  endif()
  install(
    TARGETS rung_${name}
    EXPORT rung-${name}
    LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${runtime} NAMELINK_COMPONENT ${prefix}dev
    ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${prefix}dev)
  install(EXPORT rung-${name} DESTINATION ${RUNG_CMAKE_DIR} NAMESPACE rung:: COMPONENT ${prefix}dev)
  # rung_torch's are those that no other component has.
  set(known ${rung_core_headers} ${rung_onednn_headers})
  if(NOT name STREQUAL "torch")
    set(known "")
  endif()
  install(
    CODE "set(rung_source \"${PROJECT_SOURCE_DIR}/src\")
set(rung_headers \"${rung_${name}_headers}\")
set(rung_known_headers \"${known}\")
set(rung_include_dir \"\${CMAKE_INSTALL_PREFIX}/${CMAKE_INSTALL_INCLUDEDIR}\")"
    COMPONENT ${prefix}dev)
  install(SCRIPT ${PROJECT_SOURCE_DIR}/cmake/install_headers.cmake COMPONENT ${prefix}dev)
endfunction()

set(RUNG_COMPONENTS core)
rung_install_component(core "")
if(RUNG_ONNX)
  list(APPEND RUNG_COMPONENTS onnx)
  rung_install_component(onnx "")
endif()
if(RUNG_ONEDNN)
  list(APPEND RUNG_COMPONENTS onednn c)
  rung_install_component(onednn "")
  rung_install_component(c "")
  file(RELATIVE_PATH RUNG_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /) # works wherever it is moved
  configure_file(cmake/rung_c.pc.in rung_c.pc @ONLY)
  install(FILES ${CMAKE_CURRENT_BINARY_DIR}/rung_c.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig
          COMPONENT dev)
endif()
if(RUNG_TORCH)
  rung_install_component(torch torch_)
endif()

configure_package_config_file(cmake/rungConfig.cmake.in rungConfig.cmake
                              INSTALL_DESTINATION ${RUNG_CMAKE_DIR})
write_basic_package_version_file(rungConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(
  FILES ${CMAKE_CURRENT_BINARY_DIR}/rungConfig.cmake
        ${CMAKE_CURRENT_BINARY_DIR}/rungConfigVersion.cmake cmake/FindGraphviz.cmake
        cmake/FindLibTorch.cmake cmake/FindOneDnn.cmake cmake/FindOnnxProto.cmake
  DESTINATION ${RUNG_CMAKE_DIR}
  COMPONENT dev)

if(RUNG_COMMAND)
  file(RELATIVE_PATH lib ${CMAKE_INSTALL_FULL_BINDIR} ${CMAKE_INSTALL_FULL_LIBDIR})
  set(commands rung)
  if(RUNG_TORCH)
    list(APPEND commands rung-torch)
  endif()
  # The two find each other, and share/rung, beside themselves.
  set_target_properties(${commands} PROPERTIES INSTALL_RPATH $ORIGIN/${lib}
                                               INSTALL_RPATH_USE_LINK_PATH ON)
  install(TARGETS rung RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT command)
  if(RUNG_TORCH)
    install(TARGETS rung-torch RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT torch_command)
  endif()
  # What `rung bench` compares with.
  install(DIRECTORY tools/peers DESTINATION ${CMAKE_INSTALL_DATADIR}/rung COMPONENT command
          USE_SOURCE_PERMISSIONS PATTERN __pycache__ EXCLUDE)
  install(DIRECTORY ${PROJECT_BINARY_DIR}/manual/man1 DESTINATION ${CMAKE_INSTALL_MANDIR}
          COMPONENT command)
  install(FILES ${PROJECT_BINARY_DIR}/manual/rung.bash RENAME rung COMPONENT command
          DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
  install(FILES ${PROJECT_BINARY_DIR}/manual/_rung COMPONENT command
          DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions)
endif()
