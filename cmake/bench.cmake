# The programs of bench/, built by `./dev bench` only.
# SPDX-License-Identifier: MIT

file(GLOB bench_sources CONFIGURE_DEPENDS bench/*.c)
list(FILTER bench_sources EXCLUDE REGEX "/count_malloc\\.c$")
pkg_check_modules(CURL QUIET IMPORTED_TARGET libcurl)

if(bench_sources AND CURL_FOUND)
    add_custom_target(bench-programs)
    foreach(source IN LISTS bench_sources)
        cmake_path(GET source STEM name)
        add_executable(bench_${name} EXCLUDE_FROM_ALL ${source})
        # as-needed: a peer must not pay for loading libraries that only its rivals use.
        target_link_options(bench_${name} PRIVATE -Wl,--as-needed)
        target_link_libraries(bench_${name} PRIVATE moonwire_static PkgConfig::CURL PkgConfig::CODECS mw_flags)
        set_target_properties(bench_${name} PROPERTIES
            OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
        add_dependencies(bench-programs bench_${name})
    endforeach()

    # Preloaded into others, it must not be instrumented, and none of its calls may turn into another of them.
    add_library(bench_count_malloc MODULE EXCLUDE_FROM_ALL bench/count_malloc.c)
    target_compile_options(bench_count_malloc PRIVATE -fno-builtin -fno-sanitize=all)
    target_link_libraries(bench_count_malloc PRIVATE mw_flags)
    set_target_properties(bench_count_malloc PROPERTIES
        PREFIX "" OUTPUT_NAME count_malloc C_VISIBILITY_PRESET default INTERPROCEDURAL_OPTIMIZATION OFF
        LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/bench)
    add_dependencies(bench-programs bench_count_malloc)
endif()
