# How everything of ours is compiled: link mw_flags privately.
# SPDX-License-Identifier: MIT

option(MW_WERROR "Make every warning an error" OFF)
option(MW_ASAN "Build with AddressSanitizer and UndefinedBehaviorSanitizer" OFF)

if(NOT CMAKE_BUILD_TYPE)
    set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "How to optimise" FORCE)
endif()

set(CMAKE_C_STANDARD 99)
set(CMAKE_C_STANDARD_REQUIRED ON)
set(CMAKE_C_EXTENSIONS OFF)
set(CMAKE_C_VISIBILITY_PRESET hidden)
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON) # clang-tidy and editors read it

add_library(mw_flags INTERFACE)
target_compile_definitions(mw_flags INTERFACE $<$<COMPILE_LANGUAGE:C>:_GNU_SOURCE>)
target_compile_options(mw_flags INTERFACE
    -Wall -Wextra -Wshadow -Wconversion -Wundef -Wvla -Wwrite-strings
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    $<$<COMPILE_LANGUAGE:C>:-Wstrict-prototypes>
    # Our exported functions call each other directly: nobody is meant to replace one of them.
    -fno-semantic-interposition)

if(MW_WERROR)
    target_compile_options(mw_flags INTERFACE -Werror)
endif()

if(MW_ASAN)
    # -U: here assert() works, whatever the build type says.
    set(sanitize -fsanitize=address,undefined,float-cast-overflow -fno-sanitize-recover=all)
    target_compile_options(mw_flags INTERFACE
        ${sanitize} -fno-omit-frame-pointer -O1 -UNDEBUG)
    # nodelete: lua_close unloads C modules, but LeakSanitizer looks for names and for pointers in
    # them when the process ends, which is later.
    target_link_options(mw_flags INTERFACE ${sanitize} -Wl,-z,nodelete)
endif()
