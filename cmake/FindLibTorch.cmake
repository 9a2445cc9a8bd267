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

# rung_system_headers(FOLDER HEADER...): makes FOLDER, which leads to where HEADERs are outside of
# LibTorch. A wheel has headers of libraries that are inside of it (fmt, oneDNN, protobuf), in versions
# other than those that rung links.
function(rung_system_headers folder)
  set(CMAKE_IGNORE_PATH ${TORCH_INSTALL_PREFIX}/include)
  file(MAKE_DIRECTORY ${folder})
  foreach(header IN LISTS ARGN)
    string(REGEX MATCH "^[^/]+" name ${header})
    find_path(LibTorch_outside_${name} ${header})
    mark_as_advanced(LibTorch_outside_${name})
    if(LibTorch_outside_${name} AND EXISTS ${TORCH_INSTALL_PREFIX}/include/${name})
      file(CREATE_LINK ${LibTorch_outside_${name}}/${name} ${folder}/${name} SYMBOLIC)
    endif()
  endforeach()
endfunction()

if(LibTorch_FOUND AND NOT TARGET LibTorch::LibTorch)
  add_library(LibTorch::LibTorch INTERFACE IMPORTED)
  target_include_directories(LibTorch::LibTorch INTERFACE ${TORCH_INCLUDE_DIRS})
  target_link_libraries(LibTorch::LibTorch INTERFACE torch_library)
  # A wheel's LibTorch holds MKL, and says it is in folders of the machine that made the wheel.
  if(TARGET caffe2::mkl)
    set_target_properties(caffe2::mkl PROPERTIES INTERFACE_LINK_DIRECTORIES "")
  endif()
  if(NOT TORCH_INSTALL_PREFIX MATCHES "^/usr(/lib)?/?$")
    rung_system_headers(${CMAKE_BINARY_DIR}/system_headers fmt/format.h google/protobuf/message.h
                        oneapi/dnnl/dnnl.hpp)
    # Before all folders of imported targets, whatever a program links first.
    add_library(LibTorch::SystemHeaders INTERFACE IMPORTED)
    target_include_directories(LibTorch::SystemHeaders
                               INTERFACE ${CMAKE_BINARY_DIR}/system_headers)
    set_target_properties(LibTorch::SystemHeaders PROPERTIES SYSTEM OFF)
    target_link_libraries(LibTorch::LibTorch INTERFACE LibTorch::SystemHeaders)
  endif()
endif()
