# Included by CMake right after llama.cpp's project() call (CMAKE_PROJECT_llama.cpp_INCLUDE).
#
# The Python bindings load libllama, libggml and libmtmd, and nothing of llama.cpp's `common`
# library: without it the build has 136 steps instead of 178. The bindings' own build forces
# the cache entry ON, so the command line cannot turn it off; a normal variable can, because
# option() gives way to one (policy CMP0077). Naming the wanted build targets instead is no
# way: the install step then misses libllama-common.so.
set(LLAMA_BUILD_COMMON OFF)
