# Where `cmake --install` puts things.
# SPDX-License-Identifier: MIT

# Relative, so that the tree can be moved, or installed under another prefix than the configured one.
file(RELATIVE_PATH MW_PC_PREFIX
    ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/moonwire.pc.in moonwire.pc @ONLY)

install(TARGETS moonwire moonwire_static moonwire_shared)
install(FILES src/moonwire.h DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(FILES ${PROJECT_BINARY_DIR}/moonwire.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

# LuaJIT looks for C modules in PREFIX/lib/lua/5.1, never in PREFIX/lib/ARCHITECTURE.
install(TARGETS http DESTINATION lib/lua/5.1)
