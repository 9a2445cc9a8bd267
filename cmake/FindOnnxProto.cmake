# OnnxProto::OnnxProto: ONNX's messages, of libonnx. Its own package exports more than what is
# installed with it. Protobuf's library is named by its path: a LibTorch that was found before, of
# PyTorch's wheel, makes an empty target protobuf::libprotobuf.
find_package(Protobuf QUIET)
find_path(OnnxProto_INCLUDE_DIR onnx/onnx_pb.h)
find_library(OnnxProto_LIBRARY onnx_proto)
mark_as_advanced(OnnxProto_INCLUDE_DIR OnnxProto_LIBRARY)
include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(
  OnnxProto
  REQUIRED_VARS OnnxProto_LIBRARY OnnxProto_INCLUDE_DIR Protobuf_FOUND
  REASON_FAILURE_MESSAGE
    "install libonnx-dev and libprotobuf-dev. A build without ONNX is RUNG_ONNX=OFF")
if(OnnxProto_FOUND AND NOT TARGET OnnxProto::OnnxProto)
  add_library(OnnxProto::OnnxProto INTERFACE IMPORTED)
  target_include_directories(OnnxProto::OnnxProto INTERFACE ${OnnxProto_INCLUDE_DIR}
                                                            ${Protobuf_INCLUDE_DIRS})
  target_compile_definitions(OnnxProto::OnnxProto INTERFACE ONNX_NAMESPACE=onnx ONNX_ML=1)
  target_link_libraries(OnnxProto::OnnxProto INTERFACE ${OnnxProto_LIBRARY} ${Protobuf_LIBRARIES})
endif()
