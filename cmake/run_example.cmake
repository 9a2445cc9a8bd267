# Runs an example and looks for texts in what it prints; ctest alone would ignore the exit code
# where it looks for a text.
execute_process(COMMAND ${PROGRAM} ${ARGS} OUTPUT_VARIABLE output RESULT_VARIABLE result)
message("${output}")
if(NOT result EQUAL 0)
  message(FATAL_ERROR "${PROGRAM} ended with ${result}")
endif()
foreach(text IN LISTS PRINTS)
  string(FIND "${output}" "${text}" place)
  if(place EQUAL -1)
    message(FATAL_ERROR "${PROGRAM} did not print: ${text}")
  endif()
endforeach()
