# splnet_protobuf(NAME proto...)
#
# A library of what protoc makes of the named files, which lie below the
# project's root; each is included as "traces/NAME.pb.h".  The code is not
# ours, so it gets no warnings of ours.  The target splnet_generated makes the
# files without compiling them.
function(splnet_protobuf name)
  set(root ${PROJECT_BINARY_DIR}/generated)
  set(sources)
  set(headers)
  foreach(proto IN LISTS ARGN)
    cmake_path(RELATIVE_PATH proto BASE_DIRECTORY ${PROJECT_SOURCE_DIR}
               OUTPUT_VARIABLE relative)
    string(REGEX REPLACE "\\.proto$" ".pb" stem ${relative})
    add_custom_command(
      OUTPUT ${root}/${stem}.cc ${root}/${stem}.h
      COMMAND ${CMAKE_COMMAND} -E make_directory ${root}
      COMMAND protobuf::protoc --proto_path=${PROJECT_SOURCE_DIR}
              --cpp_out=${root} ${relative}
      DEPENDS ${ARGN} protobuf::protoc
      WORKING_DIRECTORY ${PROJECT_SOURCE_DIR}
      COMMENT "protoc ${relative}"
      VERBATIM)
    list(APPEND sources ${root}/${stem}.cc)
    list(APPEND headers ${root}/${stem}.h)
  endforeach()
  add_custom_target(splnet_generated DEPENDS ${sources} ${headers})
  if(NOT sources)
    add_library(${name} INTERFACE)
    return()
  endif()
  add_library(${name} STATIC ${sources} ${headers})
  add_dependencies(${name} splnet_generated)
  target_include_directories(${name} SYSTEM PUBLIC ${root})
  target_link_libraries(${name} PUBLIC splnet_options protobuf::libprotobuf)
  target_compile_options(${name} PRIVATE -w)
endfunction()
