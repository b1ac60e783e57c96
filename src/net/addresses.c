/* Lists of numeric addresses.
 * SPDX-License-Identifier: MIT */
#include "net/addresses.h"

#include "net/address.h"

#include <stdio.h>
#include <string.h>

bool mw_addresses_have(const struct mw_addresses *list, const char *text)
{
    for (unsigned i = 0; i < list->count; i++) {
        if (strcmp(list->text[i], text) == 0)
            return true;
    }
    return false;
}

void mw_addresses_add(struct mw_addresses *found, const char *text)
{
    if (found->count < MW_MAX_ADDRESSES && strlen(text) < MW_ADDRESS_SIZE && mw_is_address(text) &&
        !mw_addresses_have(found, text))
        snprintf(found->text[found->count++], MW_ADDRESS_SIZE, "%s", text);
}

void mw_addresses_read(struct mw_addresses *found, const char *list)
{
    char text[MW_ADDRESS_SIZE];
    found->count = 0;
    for (;; list++) {
        size_t length = strcspn(list, ",");
        snprintf(text, sizeof text, "%.*s", length < sizeof text ? (int)length : 0, list);
        mw_addresses_add(found, text);
        list += length;
        if (*list == '\0')
            return;
    }
}
