# Linked PRIVATE by every target of ours; warnings are errors in the preset `dev`.
add_library(rung_warnings INTERFACE)
target_compile_options(rung_warnings INTERFACE -Wall -Wextra -Wno-missing-field-initializers)
# g++ 12 warns of overlaps and overflows inside std::string that are not there (GCC bug 105651).
target_compile_options(
  rung_warnings INTERFACE $<$<CXX_COMPILER_ID:GNU>:-Wno-restrict;-Wno-stringop-overflow>)
option(RUNG_WERROR "Treat warnings as errors" OFF)
if(RUNG_WERROR)
  target_compile_options(rung_warnings INTERFACE -Werror)
endif()

# rung_torch_warnings(TARGET): g++ 13 and newer take it for a read that c10::SmallVector hands on the
# address of its own storage, which is empty at first, and report LibTorch's headers in our functions.
function(rung_torch_warnings target)
  target_compile_options(${target} PRIVATE $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
endfunction()
