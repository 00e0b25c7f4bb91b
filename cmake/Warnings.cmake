# The warnings that our own code is held to.
function(graft_warnings target)
  target_compile_options(${target} PRIVATE -Wall -Wextra -Wpedantic -Wshadow
                         # GCC 12 sees overlaps and overruns in std::string, and members of std::variant that
                         # are not set, where there are none (its bugs
                         # 105651, 105329 and 105562).
                         "$<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-array-bounds;-Wno-stringop-overflow;-Wno-stringop-overread;-Wno-maybe-uninitialized>"
                         $<$<BOOL:${GRAFT_WERROR}>:-Werror>)
endfunction()
