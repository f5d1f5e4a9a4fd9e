# Every dependency is a Debian 12 package; README.md says why each is there.

find_package(nlohmann_json REQUIRED)
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(ZLIB REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(Threads REQUIRED)
find_path(BOOST_MATH_INCLUDE_DIR boost/math/distributions/beta.hpp REQUIRED)
find_path(RANDOM123_INCLUDE_DIR Random123/philox.h REQUIRED)
add_library(fluence_random123 INTERFACE)
target_include_directories(fluence_random123 SYSTEM INTERFACE ${RANDOM123_INCLUDE_DIR})

# oneDNN: Debian's CMake package insists on OpenCL's headers, which nothing here uses.
find_path(DNNL_INCLUDE_DIR dnnl.hpp REQUIRED)
find_library(DNNL_LIBRARY dnnl REQUIRED)
add_library(fluence_onednn INTERFACE)
target_include_directories(fluence_onednn SYSTEM INTERFACE ${DNNL_INCLUDE_DIR})
target_link_libraries(fluence_onednn INTERFACE ${DNNL_LIBRARY})

# SystemC: Debian's package ships a pkg-config file and no CMake package; accept either.
find_package(SystemCLanguage QUIET)
add_library(fluence_systemc INTERFACE)
if(SystemCLanguage_FOUND)
  target_link_libraries(fluence_systemc INTERFACE SystemC::systemc)
else()
  find_package(PkgConfig REQUIRED)
  pkg_check_modules(SYSTEMC REQUIRED systemc)
  target_include_directories(fluence_systemc SYSTEM INTERFACE ${SYSTEMC_INCLUDE_DIRS})
  target_link_directories(fluence_systemc INTERFACE ${SYSTEMC_LIBRARY_DIRS})
  target_link_libraries(fluence_systemc INTERFACE systemc Threads::Threads)
endif()

if(FLUENCE_WITH_TORCH)
  find_package(Torch REQUIRED)
  # Torch's headers are not warning-free and its flags must not leak into other targets.
  add_library(fluence_torch INTERFACE)
  target_include_directories(fluence_torch SYSTEM INTERFACE ${TORCH_INCLUDE_DIRS})
  target_link_libraries(fluence_torch INTERFACE ${TORCH_LIBRARIES})
endif()

# ONNX files: the generated protobuf classes. The front end needs them; tests read damaged files without it too.
find_path(ONNX_INCLUDE_DIR onnx/onnx_pb.h)
find_library(ONNX_PROTO_LIBRARY onnx_proto)
find_library(PROTOBUF_LIBRARY protobuf)
if(ONNX_INCLUDE_DIR AND ONNX_PROTO_LIBRARY AND PROTOBUF_LIBRARY)
  add_library(fluence_onnx_proto INTERFACE)
  target_include_directories(fluence_onnx_proto SYSTEM INTERFACE ${ONNX_INCLUDE_DIR})
  target_compile_definitions(fluence_onnx_proto INTERFACE ONNX_NAMESPACE=onnx ONNX_ML=1)
  target_link_libraries(fluence_onnx_proto INTERFACE ${ONNX_PROTO_LIBRARY} ${PROTOBUF_LIBRARY})
elseif(FLUENCE_WITH_TORCH)
  message(FATAL_ERROR "The front end reads ONNX files: install libonnx-dev and libprotobuf-dev")
endif()

if(BUILD_TESTING OR NOT DEFINED BUILD_TESTING)
  find_package(GTest REQUIRED)
  include(GoogleTest)
endif()
