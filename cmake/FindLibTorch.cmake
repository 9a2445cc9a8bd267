# LibTorch::LibTorch: LibTorch, Debian's or that of PyTorch's wheel. The Torch package's own flags pull
# in more than a C++20 program wants (an ABI define, warnings off), and c10 is looked for in the
# system first, where another version may be; these are the parts that matter.
find_package(Torch QUIET)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  LibTorch
  REQUIRED_VARS TORCH_INCLUDE_DIRS Torch_FOUND
  REASON_FAILURE_MESSAGE
    "install libtorch-dev and libopenblas0-pthread, or name PyTorch's wheel by -DCMAKE_PREFIX_PATH=$(python3 -c 'print(__import__(\"torch\").utils.cmake_prefix_path)'). A build without LibTorch is RUNG_TORCH=OFF"
)
if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch INTERFACE ${TORCH_INCLUDE_DIRS})
  target_link_libraries(LibTorch::LibTorch INTERFACE torch_library)
endif()
