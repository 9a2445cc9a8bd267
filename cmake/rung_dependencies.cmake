# Everything rung links, found once. Debian 12 package names: script/bootstrap.
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(tomlplusplus REQUIRED)
find_package(CLI11 REQUIRED)
find_package(PNG REQUIRED)
find_package(JPEG REQUIRED)
find_package(ZLIB REQUIRED)

find_path(GRAPHVIZ_INCLUDE_DIR graphviz/gvc.h REQUIRED)
add_library(rung_graphviz INTERFACE)
target_include_directories(rung_graphviz SYSTEM INTERFACE ${GRAPHVIZ_INCLUDE_DIR}
                                                          ${GRAPHVIZ_INCLUDE_DIR}/graphviz)
target_link_libraries(rung_graphviz INTERFACE gvc cgraph cdt)

if(RUNG_ONNX)
  find_package(Protobuf REQUIRED)
  find_path(ONNX_INCLUDE_DIR onnx/onnx_pb.h REQUIRED)
  find_library(ONNX_PROTO_LIBRARY onnx_proto REQUIRED)
  add_library(rung_libonnx INTERFACE)
  target_include_directories(rung_libonnx SYSTEM INTERFACE ${ONNX_INCLUDE_DIR})
  target_compile_definitions(rung_libonnx INTERFACE ONNX_NAMESPACE=onnx ONNX_ML=1)
  target_link_libraries(rung_libonnx INTERFACE ${ONNX_PROTO_LIBRARY} protobuf::libprotobuf)
endif()

if(RUNG_ONEDNN)
  find_package(OpenMP REQUIRED COMPONENTS CXX) # oneDNN's threads, shared with our kernels
  find_path(DNNL_INCLUDE_DIR oneapi/dnnl/dnnl.hpp REQUIRED)
  find_library(DNNL_LIBRARY dnnl REQUIRED)
  add_library(rung_libonednn INTERFACE)
  target_include_directories(rung_libonednn SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
  target_link_libraries(rung_libonednn INTERFACE ${DNNL_LIBRARY} OpenMP::OpenMP_CXX)
endif()

if(RUNG_TORCH)
  find_package(Torch REQUIRED)
  # The package's own flags pull in more than a C++20 program wants (an ABI define, warnings off);
  # these are the parts that matter.
  add_library(rung_libtorch INTERFACE)
  target_include_directories(rung_libtorch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  target_link_libraries(rung_libtorch INTERFACE ${TORCH_LIBRARIES})
endif()

if(RUNG_TESTS)
  find_package(GTest REQUIRED)
endif()
