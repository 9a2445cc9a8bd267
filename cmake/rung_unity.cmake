# rung_unity(TARGET...): with RUNG_UNITY, the sources of a folder are compiled as one, which reads
# the headers once and instantiates their templates once. In ops, the files of one aspect are such a
# group: all `*_onnx.cpp`, say; of rung_onednn, the files of a folder of ops are, but for those of
# convolutions, which are large. Names in anonymous namespaces must differ within a group.
option(RUNG_UNITY "Compile the sources of each folder as one: less work from nothing, more after a change" OFF)
function(rung_unity)
  foreach(target IN LISTS ARGN)
    if(NOT TARGET ${target})
      continue()
    endif()
    set_target_properties(${target} PROPERTIES UNITY_BUILD ${RUNG_UNITY} UNITY_BUILD_MODE GROUP)
    get_target_property(sources ${target} SOURCES)
    get_target_property(folder ${target} SOURCE_DIR)
    foreach(source IN LISTS sources)
      cmake_path(ABSOLUTE_PATH source BASE_DIRECTORY ${folder})
      cmake_path(RELATIVE_PATH source BASE_DIRECTORY ${PROJECT_SOURCE_DIR}/src/rung
                 OUTPUT_VARIABLE place)
      if(target STREQUAL rung_onednn AND place MATCHES "^ops/(conv/)?[^/]+$")
        continue()
      elseif(place MATCHES "^ops/" AND NOT target STREQUAL rung_onednn)
        string(REGEX MATCH "(_to_onnx|_onnx|_onednn|_eager|_torchscript)?\\.cpp$" ending ${place})
        set(group ops${CMAKE_MATCH_1})
      else()
        cmake_path(GET place PARENT_PATH group)
        string(REPLACE "/" "_" group ${group})
      endif()
      set_source_files_properties(${source} TARGET_DIRECTORY ${target} PROPERTIES UNITY_GROUP
                                                                                  ${group})
    endforeach()
  endforeach()
endfunction()
