# RUNG_SANITIZE=address,undefined or =thread; empty for none.
add_library(rung_sanitizers INTERFACE)
if(RUNG_SANITIZE)
  target_compile_options(rung_sanitizers INTERFACE -fsanitize=${RUNG_SANITIZE}
                                                   -fno-omit-frame-pointer)
  target_link_options(rung_sanitizers INTERFACE -fsanitize=${RUNG_SANITIZE})
endif()
