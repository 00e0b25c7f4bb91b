# The warnings that our own code is held to.
function(graft_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow
                         # GCC 12 sees overlaps and overruns in std::string that are none (its bugs
                         # 105651 and 105329).
                         "$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread>"
                         $<$<BOOL:${GRAFT_WERROR}>:-Werror>)
endfunction()
