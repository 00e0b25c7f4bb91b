# The warnings that our own code is held to.
function(graft_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow
                         # GCC 12 sees overlaps in std::string that are none (its bug 105651).
                         $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict>
                                           $<$<BOOL:${GRAFT_WERROR}>:-Werror>)
endfunction()
