# Included by CMake right after llama.cpp's project() call (CMAKE_PROJECT_llama.cpp_INCLUDE).
#
# The Python bindings load libllama, libggml and libmtmd, and nothing of llama.cpp's `common`
# library: without it the build has 136 steps instead of 178. The bindings' own build forces
# the cache entry ON, so the command line cannot turn it off; a normal variable can, because
# option() gives way to one (policy CMP0077). Naming the wanted build targets instead is no
# way: the install step then misses libllama-common.so.
set(LLAMA_BUILD_COMMON OFF)

# llama_attention.h says what the faster kernel is. pip compiles in a tree that it unpacked for
# this build alone, so ggml's source is edited in place: only if each text is there as often as
# expected. In another version of llama.cpp it may not be; the build then goes on without.
function(millrace_count text needle result)
  string(REPLACE "${needle}" "" rest "${text}")
  string(LENGTH "${text}" long)
  string(LENGTH "${rest}" short)
  string(LENGTH "${needle}" one)
  math(EXPR times "(${long} - ${short}) / ${one}")
  set(${result} ${times} PARENT_SCOPE)
endfunction()

function(millrace_speed_up_attention folder header)
  set(head "static void ggml_compute_forward_flash_attn_ext_f16_one_chunk(")
  set(in_f16 "if (v->type == GGML_TYPE_F16) {")
  set(loop "for (int64_t ic = ic_start; ic < ic_end; ++ic) {")
  set(file "${folder}/ops.cpp")
  set(source "")
  if(EXISTS "${file}")
    file(READ "${file}" source)
  endif()
  string(FIND "${source}" "MILLRACE_ATTENTION" edited)
  if(NOT edited EQUAL -1)
    return()
  endif()
  millrace_count("${source}" "${head}" heads)
  millrace_count("${source}" "${in_f16}" branches)
  millrace_count("${source}" "${loop}" loops)
  if(NOT "${heads} ${branches} ${loops}" STREQUAL "1 3 1")
    message(WARNING "another ggml than expected: attention is not sped up "
                    "(texts found ${heads}, ${branches}, ${loops} times, not 1, 3, 1)")
    return()
  endif()
  string(REPLACE "${head}" "#include \"llama_attention.h\"\n\n${head}" source "${source}")
  string(REPLACE "${in_f16}" "if (v->type == GGML_TYPE_F16 && !MILLRACE_ATTENTION) {" source
         "${source}")
  string(REPLACE "${loop}" "MILLRACE_ATTEND_OR_ELSE\n        ${loop}" source "${source}")
  configure_file("${header}" "${folder}/llama_attention.h" COPYONLY)
  file(WRITE "${file}" "${source}")
  message(STATUS "attention is sped up")
endfunction()

millrace_speed_up_attention("${CMAKE_CURRENT_SOURCE_DIR}/ggml/src/ggml-cpu"
                            "${CMAKE_CURRENT_LIST_DIR}/llama_attention.h")
