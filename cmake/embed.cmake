# Writes OUTPUT, a C file that holds the Lua sources FILES (colon-separated, relative to ROOT).
# Run by cmake -P. Source and not bytecode, since bytecode is tied to one build of LuaJIT.
# SPDX-License-Identifier: MIT

set(arrays "")
set(rows "")
set(count 0)
string(REPLACE ":" ";" files "${FILES}")

foreach(file IN LISTS files)
    string(REGEX REPLACE "(/init)?\\.lua$" "" module ${file})
    string(REPLACE "/" "." module ${module})

    file(SIZE ${ROOT}/${file} size)
    file(READ ${ROOT}/${file} hex HEX)
    string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
    # Lines of 20 bytes: some tools choke on a line as long as a file.
    string(REPEAT "....." 20 line)
    string(REGEX REPLACE "(${line})" "\\1\n" bytes "${bytes}")

    # The NUL at the end keeps the array of an empty file valid C.
    string(APPEND arrays "static const unsigned char source_${count}[] = {\n${bytes}0};\n\n")
    string(APPEND rows "    {\"${module}\", \"${file}\", source_${count}, ${size}},\n")
    math(EXPR count "${count} + 1")
endforeach()

file(WRITE ${OUTPUT} "/* Made from lua/ by cmake/embed.cmake: do not edit. */
#include <stddef.h>

#include \"lua/sources.h\"

${arrays}const struct lua_source mw_lua_sources[] = {
${rows}    {NULL, NULL, NULL, 0},
};
")
