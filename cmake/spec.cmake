# What the specs need: a module of theirs in C, and the C tests, each a program that ends with 0.
# SPDX-License-Identifier: MIT

enable_testing()

# One module, "raw", of however many files. LuaJIT's headers without its library, as for http.so.
file(GLOB support_sources CONFIGURE_DEPENDS spec/support/*.c)
add_custom_target(specs-support ALL)
if(support_sources)
    # It has the parser of http1 and what that stands on for itself: http.so shows nothing of them.
    file(GLOB parser_sources CONFIGURE_DEPENDS
        src/http1/parse.c src/http1/fields.c src/http1/chunks.c src/base/grammar.c)
    add_library(raw MODULE ${support_sources} ${parser_sources})
    target_include_directories(raw PRIVATE src)
    target_link_libraries(raw PRIVATE PkgConfig::EVENT PkgConfig::SSL mw_flags)
    target_include_directories(raw SYSTEM PRIVATE ${LUAJIT_INCLUDE_DIRS})
    set_target_properties(raw PROPERTIES
        PREFIX "" LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/spec)
    add_dependencies(specs-support raw)
endif()

# Tests in C use the shared library, and so only what moonwire.h exports; those of a part of it, whose
# headers they include, and those in C++ use the static one.
add_custom_target(c-tests ALL)
function(mw_add_test source library)
    cmake_path(GET source STEM name)
    cmake_path(GET source EXTENSION extension)
    string(REPLACE "." "_" suffix ${extension})
    add_executable(spec_${name}${suffix} ${source})
    target_link_libraries(spec_${name}${suffix} PRIVATE ${library} PkgConfig::EVENT mw_flags)
    # The archive's objects serve as they are: optimising the library anew for each test is slow.
    target_link_options(spec_${name}${suffix} PRIVATE -fno-lto)
    set_target_properties(spec_${name}${suffix} PROPERTIES
        INTERPROCEDURAL_OPTIMIZATION OFF
        OUTPUT_NAME ${name}${extension} SUFFIX ".test"
        RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/spec/c)
    add_dependencies(c-tests spec_${name}${suffix})
    add_test(NAME spec/c/${name}${extension}
             COMMAND spec_${name}${suffix} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
    set_tests_properties(spec/c/${name}${extension} PROPERTIES TIMEOUT 60)
endfunction()

file(GLOB c_tests CONFIGURE_DEPENDS spec/c/*_test.c)
foreach(source IN LISTS c_tests)
    file(STRINGS ${source} internal REGEX "^#include \"(base|net|core|inproc|[a-z]*http[0-9]*)/")
    if(internal)
        mw_add_test(${source} moonwire_static)
    else()
        mw_add_test(${source} moonwire_shared)
    endif()
endforeach()

# Only the C++ tests need a C++ compiler, so a machine that just builds and runs may lack one.
# NO_CACHE: one that is installed later is found later.
file(GLOB cxx_tests CONFIGURE_DEPENDS spec/c/*_test.cc)
find_program(mw_cxx NAMES $ENV{CXX} c++ g++ clang++ NO_CACHE)
if(cxx_tests AND mw_cxx)
    enable_language(CXX)
    set(CMAKE_CXX_STANDARD 11)
    foreach(source IN LISTS cxx_tests)
        mw_add_test(${source} moonwire_static)
    endforeach()
elseif(cxx_tests)
    message(STATUS "No C++ compiler: the C++ tests are left out")
endif()

# The examples in C, built as a program that embeds the library would be.
file(GLOB embed_examples CONFIGURE_DEPENDS examples/embed/*.c)
foreach(source IN LISTS embed_examples)
    cmake_path(GET source STEM name)
    add_executable(example_${name} ${source})
    target_link_libraries(example_${name} PRIVATE moonwire_static PkgConfig::EVENT mw_flags)
    target_link_options(example_${name} PRIVATE -fno-lto)
    set_target_properties(example_${name} PROPERTIES
        INTERPROCEDURAL_OPTIMIZATION OFF
        OUTPUT_NAME ${name} RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/examples)
endforeach()
