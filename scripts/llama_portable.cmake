# Included by CMake right after ggml's project() call (CMAKE_PROJECT_ggml_INCLUDE).
#
# ggml has fourteen variants of its part for x86 CPUs, and each takes a minute of compiling: those
# in MILLRACE_LEFT_OUT are taken from its list. As in llama_slim.cmake the unpacked source is
# edited in place, only where it is as expected; otherwise more is built, and nothing is missing.
function(millrace_leave_out file names)
  set(source "")
  if(EXISTS "${file}")
    file(READ "${file}" source)
  endif()
  foreach(name ${names})
    set(kept "${source}")
    string(REGEX REPLACE "ggml_add_cpu_backend_variant\\(${name} [^)]*\\)" "" source "${source}")
    if(source STREQUAL kept)
      message(WARNING "another ggml than expected: it has no variant ${name} to leave out")
    endif()
  endforeach()
  if(source)
    file(WRITE "${file}" "${source}")
  endif()
endfunction()

millrace_leave_out("${CMAKE_CURRENT_SOURCE_DIR}/src/CMakeLists.txt" "${MILLRACE_LEFT_OUT}")
