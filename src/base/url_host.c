/* Names of hosts: decoded, mapped by IDNA, checked.
 * SPDX-License-Identifier: MIT */
#include "base/url_host.h"

#include "base/url_percent.h"

#include <idn2.h>
#include <stdbool.h>
#include <string.h>

/* What a name in UTF-8 may take before it is mapped; no name of 255 bytes needs more. */
enum { LONGEST_RAW = 1023, LONGEST_ESCAPED = 3 * LONGEST_RAW };

static const char too_long[] = "the host is longer than 255 bytes";

static bool is_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((unsigned char)text[i] >= 0x80)
            return false;
    }
    return true;
}

/* A name in ASCII goes as it is, even one that begins with "xn--" and decodes to nothing: whoever
 * registered it wrote it so. */
static const char *to_ascii(const char *text, char host[MW_HOST_SIZE])
{
    uint8_t *name = NULL;
    int result =
        idn2_lookup_u8((const uint8_t *)text, &name, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    const char *wrong = NULL;
    if (result == IDN2_ENCODING_ERROR)
        return "the host is not UTF-8";
    if (result == IDN2_MALLOC)
        return "no memory for the host";
    if (result != IDN2_OK)
        return "the host is no name that IDNA allows";
    size_t length = strlen((const char *)name);
    if (length >= MW_HOST_SIZE)
        wrong = too_long;
    else
        memcpy(host, name, length + 1);
    idn2_free(name);
    return wrong;
}

static void lower(char *text)
{
    for (; *text != '\0'; text++) {
        if (*text >= 'A' && *text <= 'Z')
            *text = (char)(*text | 0x20);
    }
}

/* Escapes are decoded by now and IDNA has mapped what it maps (U+FF0F to "/"), so that nothing
 * which ends a host can come out of either. */
static const char *check(const char *host)
{
    if (*host == '\0')
        return "it has no host";
    for (size_t i = 0; host[i] != '\0'; i++) {
        char c = host[i], letter = (char)(c | 0x20);
        bool plain = (letter >= 'a' && letter <= 'z') || (c >= '0' && c <= '9');
        if (!plain && strchr("-._~" MW_KEEP_USER, c) == NULL)
            return "the host holds a byte that no host may hold";
        if (c == '.' && (i == 0 || host[i - 1] == '.'))
            return "the host has an empty part";
    }
    return NULL;
}

/* Four decimal numbers from 0 to 255, without zeros in front: the form that others are written as.
 */
static bool is_usual_ipv4(struct mw_span host)
{
    const char *at = host.at, *end = host.at + host.length;
    for (int i = 0; i < 4; i++) {
        int number = 0, digits = 0;
        if (i > 0 && (at == end || *at++ != '.'))
            return false;
        for (; at < end && *at >= '0' && *at <= '9' && digits < 4; digits++)
            number = 10 * number + (*at++ - '0');
        if (digits == 0 || number > 255 || (digits > 1 && at[-digits] == '0'))
            return false;
    }
    return at == end;
}

bool mw_host_may_change(struct mw_span host)
{
    bool at_start = true, number = false; /* of the last part that is not empty */
    for (size_t i = 0; i < host.length; i++) {
        char c = host.at[i];
        if ((unsigned char)c >= 0x80 || c == '%')
            return true;
        if (at_start && c != '.')
            number = c >= '0' && c <= '9';
        at_start = c == '.';
    }
    return number && !is_usual_ipv4(host);
}

const char *mw_host_normalize(struct mw_span text, char host[MW_HOST_SIZE])
{
    char raw[LONGEST_RAW + 1];
    if (text.length > LONGEST_ESCAPED)
        return too_long;
    char decoded[LONGEST_ESCAPED];
    size_t length = (size_t)(mw_percent_decode(decoded, text) - decoded);
    if (length > LONGEST_RAW)
        return too_long;
    if (memchr(decoded, '\0', length) != NULL)
        return "the host holds a byte that no host may hold";
    memcpy(raw, decoded, length);
    raw[length] = '\0';
    const char *wrong = NULL;
    if (!is_ascii(raw, length))
        wrong = to_ascii(raw, host);
    else if (length >= MW_HOST_SIZE)
        wrong = too_long;
    else
        memcpy(host, raw, length + 1);
    if (wrong == NULL) {
        lower(host);
        wrong = check(host);
    }
    return wrong != NULL ? wrong : mw_host_normalize_ipv4(host);
}
