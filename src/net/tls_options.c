/* TLS options: compared, copied, freed.
 * SPDX-License-Identifier: MIT */
#include "net/tls_options.h"

#include <string.h>

static bool same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool mw_tls_options_same(const struct mw_tls_options *a, const struct mw_tls_options *b)
{
    bool same = a->insecure == b->insecure;
    for (int i = 0; i < MW_TLS_TEXTS && same; i++)
        same = same_text(a->texts[i], b->texts[i]);
    return same;
}

bool mw_tls_options_copy(struct mw_tls_options *to, const struct mw_tls_options *from,
                         const struct mw_allocator *a)
{
    memset(to, 0, sizeof *to);
    to->insecure = from->insecure;
    for (int i = 0; i < MW_TLS_TEXTS; i++) {
        if (from->texts[i] == NULL)
            continue;
        to->texts[i] = mw_strdup(a, from->texts[i]);
        if (to->texts[i] == NULL) {
            mw_tls_options_free(to, a);
            return false;
        }
    }
    return true;
}

void mw_tls_options_free(struct mw_tls_options *o, const struct mw_allocator *a)
{
    for (int i = 0; i < MW_TLS_TEXTS; i++) {
        mw_dealloc(a, (void *)o->texts[i]);
        o->texts[i] = NULL;
    }
}

/* 32 bytes in base64: 43 digits, of which the last carries two spare bits, and one sign of filling.
 */
static bool is_pin(const char *text, size_t length)
{
    static const char kind[] = "sha256//";
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const size_t before = sizeof kind - 1;
    return length == before + 44 && strncmp(text, kind, before) == 0 &&
           strspn(text + before, digits) == 43 && text[length - 1] == '=' &&
           (strchr(digits, text[length - 2]) - digits) % 4 == 0;
}

const char *mw_tls_bad_pin(const char *pins)
{
    for (;;) {
        size_t length = strcspn(pins, ";");
        if (!is_pin(pins, length))
            return pins;
        if (pins[length] == '\0')
            return NULL;
        pins += length + 1;
    }
}
