# OneDnn::OneDnn: oneDNN and OpenMP, whose threads oneDNN and our kernels share. oneDNN's own package
# is not used because Debian 12's does not say with which threads it was built.
find_package(OpenMP QUIET COMPONENTS CXX)
find_path(OneDnn_INCLUDE_DIR oneapi/dnnl/dnnl.hpp)
find_library(OneDnn_LIBRARY dnnl)
mark_as_advanced(OneDnn_INCLUDE_DIR OneDnn_LIBRARY)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  OneDnn
  REQUIRED_VARS OneDnn_LIBRARY OneDnn_INCLUDE_DIR OpenMP_CXX_FOUND
  REASON_FAILURE_MESSAGE
    "install libdnnl-dev, and for clang libomp-dev. A build without oneDNN is RUNG_ONEDNN=OFF")
if(OneDnn_FOUND AND NOT TARGET OneDnn::OneDnn)
  add_library(OneDnn::OneDnn INTERFACE IMPORTED)
  target_include_directories(OneDnn::OneDnn INTERFACE ${OneDnn_INCLUDE_DIR})
  target_link_libraries(OneDnn::OneDnn INTERFACE ${OneDnn_LIBRARY} OpenMP::OpenMP_CXX)
endif()
