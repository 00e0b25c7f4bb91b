# The address and undefined-behaviour sanitizers of the preset `asan`, of which any report ends the program. Only the
# library is instrumented: what the tests themselves do is not what is searched, and to compile it so takes three times
# as long.
function(graft_sanitize target)
  if(NOT GRAFT_SANITIZE)
    return()
  endif()
  target_compile_definitions(${target} PUBLIC GRAFT_SANITIZED)
  target_compile_options(${target} PRIVATE -fsanitize=address,undefined -fno-sanitize-recover=all
                                           -fno-omit-frame-pointer)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # A null pointer and an access beyond an object end the program by themselves or by the address sanitizer; these
    # checks double the compiler's time.
    target_compile_options(${target} PRIVATE
      -fno-sanitize=null,object-size,vptr,pointer-overflow,nonnull-attribute,returns-nonnull-attribute)
  endif()
  target_link_options(${target} PUBLIC -fsanitize=address,undefined)
endfunction()
