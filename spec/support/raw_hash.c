/* raw_hash.c: hashes, by the names that OpenSSL knows them by, for servers of the specs.
 * SPDX-License-Identifier: MIT */
#include "raw.h"

#include <openssl/evp.h>

/* hash(name, bytes) -> lower-case hexadecimal digits */
static int l_hash(lua_State *L)
{
    static const char digits[] = "0123456789abcdef";
    unsigned char hash[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE];
    unsigned length = 0;
    size_t size;
    const EVP_MD *method = EVP_get_digestbyname(luaL_checkstring(L, 1));
    const char *bytes = luaL_checklstring(L, 2, &size);
    luaL_argcheck(L, method != NULL, 1, "no hash of that name");
    if (EVP_Digest(bytes, size, hash, &length, method, NULL) != 1)
        return luaL_error(L, "cannot be hashed");
    for (unsigned i = 0; i < length; i++) {
        hex[2 * i] = digits[hash[i] >> 4];
        hex[2 * i + 1] = digits[hash[i] & 15];
    }
    lua_pushlstring(L, hex, 2 * (size_t)length);
    return 1;
}

void raw_open_hash(lua_State *L)
{
    static const luaL_Reg functions[] = {{"hash", l_hash}, {NULL, NULL}};
    raw_register(L, functions);
}
