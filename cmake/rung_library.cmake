include(GNUInstallDirs)
set(RUNG_PIC_OPTIONS -fPIC -fno-semantic-interposition) # of what becomes part of a shared library

# rung_library(NAME): a library rung_NAME without sources, also called rung::NAME, shared or static as
# BUILD_SHARED_LIBS says, of which other projects see what it links PUBLIC.
function(rung_library name)
  set(target rung_${name})
  add_library(${target})
  add_library(rung::${name} ALIAS ${target})
  target_link_libraries(${target} PRIVATE $<BUILD_INTERFACE:rung_warnings>
                                          $<BUILD_INTERFACE:rung_sanitizers>)
  target_compile_features(${target} PUBLIC cxx_std_20)
  # All symbols are visible, and what the library calls of its own it calls directly, as if they were
  # hidden: nothing needs a mark in the headers, and a shared library costs no speed.
  if(BUILD_SHARED_LIBS OR (RUNG_ONEDNN AND name MATCHES "^(core|onednn)$")) # librung_c is shared
    target_compile_options(${target} PRIVATE ${RUNG_PIC_OPTIONS})
    set_target_properties(${target} PROPERTIES POSITION_INDEPENDENT_CODE ON)
  endif()
  target_link_options(${target} PRIVATE -Wl,-Bsymbolic-functions)
  set_target_properties(
    ${target}
    PROPERTIES EXPORT_NAME ${name}
               DEFINE_SYMBOL "" # the same objects whether shared or static
               VERSION ${PROJECT_VERSION}
               # Before 1.0 a minor version may change what C++ programs were compiled for.
               SOVERSION ${PROJECT_VERSION_MAJOR}.${PROJECT_VERSION_MINOR}
               LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
               ARCHIVE_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/lib
               INSTALL_RPATH $ORIGIN
               INSTALL_RPATH_USE_LINK_PATH ON) # LibTorch of a wheel
endfunction()

# rung_torch_pch(TARGET): compiles with rung_torch's precompiled header, of the same options.
function(rung_torch_pch target)
  target_precompile_headers(${target} REUSE_FROM rung_torch)
  if(BUILD_SHARED_LIBS)
    target_compile_options(${target} PRIVATE ${RUNG_PIC_OPTIONS})
  endif()
endfunction()
