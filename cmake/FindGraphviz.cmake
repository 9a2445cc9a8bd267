# Graphviz::Graphviz: the libraries that lay out pictures. Graphviz has no CMake package.
find_path(Graphviz_INCLUDE_DIR graphviz/gvc.h)
foreach(library gvc cgraph cdt)
  find_library(Graphviz_${library}_LIBRARY ${library})
endforeach()
mark_as_advanced(Graphviz_INCLUDE_DIR Graphviz_gvc_LIBRARY Graphviz_cgraph_LIBRARY
                 Graphviz_cdt_LIBRARY)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  Graphviz
  REQUIRED_VARS Graphviz_gvc_LIBRARY Graphviz_cgraph_LIBRARY Graphviz_cdt_LIBRARY
                Graphviz_INCLUDE_DIR
  REASON_FAILURE_MESSAGE "install libgraphviz-dev")
if(Graphviz_FOUND AND NOT TARGET Graphviz::Graphviz)
  add_library(Graphviz::Graphviz INTERFACE IMPORTED)
  target_include_directories(Graphviz::Graphviz INTERFACE ${Graphviz_INCLUDE_DIR}
                                                          ${Graphviz_INCLUDE_DIR}/graphviz)
  target_link_libraries(
    Graphviz::Graphviz INTERFACE ${Graphviz_gvc_LIBRARY} ${Graphviz_cgraph_LIBRARY}
                                 ${Graphviz_cdt_LIBRARY})
endif()
