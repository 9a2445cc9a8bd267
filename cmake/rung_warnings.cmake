# Linked PRIVATE by every target of ours; warnings are errors in the presets that CI uses.
add_library(rung_warnings INTERFACE)
# g++ 12 warns of overlaps and overflows inside std::string that are not there (GCC bug 105651).
target_compile_options(rung_warnings INTERFACE -Wall -Wextra -Wno-missing-field-initializers
                                               -Wno-restrict -Wno-stringop-overflow)
option(RUNG_WERROR "Treat warnings as errors" OFF)
if(RUNG_WERROR)
  target_compile_options(rung_warnings INTERFACE -Werror)
endif()
