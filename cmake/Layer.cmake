# splnet_layer(NAME SOURCES source... LINK library... [FLAGS library...])
#
# One layer's library: LINK reaches those who link it, FLAGS are for its own
# sources.  A layer without a source is an interface library, so
# that whoever links it need not know.
function(splnet_layer name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK;FLAGS")
  if(NOT arg_SOURCES)
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE splnet_options ${arg_LINK})
    return()
  endif()
  add_library(${name} STATIC ${arg_SOURCES})
  target_link_libraries(
    ${name}
    PUBLIC splnet_options ${arg_LINK}
    PRIVATE splnet_strict ${arg_FLAGS})
endfunction()

# splnet_program(NAME SOURCES source... LINK library...)
#
# A program of ours, in the build directory's root.
function(splnet_program name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "SOURCES;LINK")
  add_executable(${name} ${arg_SOURCES})
  target_link_libraries(${name} PRIVATE ${arg_LINK} splnet_strict)
endfunction()
