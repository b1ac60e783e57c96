# Turns lua/**.lua into one C file, anew whenever one of them changes, appears or goes.
# SPDX-License-Identifier: MIT

function(mw_embed_lua result)
    set(root ${PROJECT_SOURCE_DIR}/lua)
    set(script ${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
    set(output ${PROJECT_BINARY_DIR}/generated/lua_sources.c)
    file(GLOB_RECURSE files CONFIGURE_DEPENDS RELATIVE ${root} ${root}/http/*.lua)
    list(SORT files)
    list(TRANSFORM files PREPEND ${root}/ OUTPUT_VARIABLE paths)

    # The names are part of the command, so that a file that goes makes Ninja run it again.
    list(JOIN files ":" names)
    add_custom_command(
        OUTPUT ${output}
        COMMAND ${CMAKE_COMMAND} -D ROOT=${root} -D FILES=${names} -D OUTPUT=${output} -P ${script}
        DEPENDS ${paths} ${script}
        COMMENT "Embedding lua/"
        VERBATIM)
    set(${result} ${output} PARENT_SCOPE)
endfunction()
