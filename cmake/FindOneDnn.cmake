# OneDnn::OneDnn: oneDNN and OpenMP, whose threads oneDNN and our kernels share. oneDNN's own package
# is not used because Debian 12's does not say with which threads it was built. OpenMP is linked by
# the compiler's flag and not by a path: PyTorch's wheel brings a libgomp of the same SONAME, and a
# program has one of the two, whichever its RUNPATH has first.
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
  separate_arguments(OneDnn_OPENMP NATIVE_COMMAND "${OpenMP_CXX_FLAGS}")
  target_compile_options(OneDnn::OneDnn INTERFACE $<$<COMPILE_LANGUAGE:CXX>:${OneDnn_OPENMP}>)
  target_link_libraries(OneDnn::OneDnn INTERFACE ${OneDnn_LIBRARY} ${OneDnn_OPENMP})
endif()
