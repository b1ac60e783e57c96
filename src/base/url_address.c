/* Addresses in the place of a host: the many ways to write them, brought to one.
 * SPDX-License-Identifier: MIT */
#include "base/url_host.h"

#include <arpa/inet.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* ---- IPv4 ------------------------------------------------------------------------------------ */

static bool is_hex_prefix(struct mw_span s)
{
    return s.length >= 2 && s.at[0] == '0' && (s.at[1] | 0x20) == 'x';
}

static int digit_of(char c)
{
    char letter = (char)(c | 0x20);
    if (c >= '0' && c <= '9')
        return c - '0';
    return letter >= 'a' && letter <= 'f' ? letter - 'a' + 10 : 99;
}

/* Decimal, octal behind "0", hexadecimal behind "0x", which alone is 0. Returns -1 for no number;
 * what does not fit 32 bits stays too large, however long it is. */
static int64_t number_of(struct mw_span s)
{
    int base = 10;
    int64_t number = 0;
    if (s.length == 0)
        return -1;
    if (is_hex_prefix(s)) {
        base = 16;
        s = (struct mw_span){s.at + 2, s.length - 2};
    } else if (s.length > 1 && s.at[0] == '0') {
        base = 8;
    }
    for (size_t i = 0; i < s.length; i++) {
        int digit = digit_of(s.at[i]);
        if (digit >= base)
            return -1;
        if (number <= UINT32_MAX)
            number = number * base + digit;
    }
    return number;
}

static bool all_digits(struct mw_span s)
{
    for (size_t i = 0; i < s.length; i++) {
        if (s.at[i] < '0' || s.at[i] > '9')
            return false;
    }
    return s.length > 0;
}

/* The last part, without a dot behind it, which the root's name would be. */
static struct mw_span last_part(struct mw_span host)
{
    if (host.length > 1 && host.at[host.length - 1] == '.')
        host.length--;
    size_t start = host.length;
    while (start > 0 && host.at[start - 1] != '.')
        start--;
    return (struct mw_span){host.at + start, host.length - start};
}

const char *mw_host_normalize_ipv4(char host[MW_HOST_SIZE])
{
    static const char wrong[] = "the host ends in a number, but it is no IPv4 address";
    struct mw_span all = mw_span(host), last = last_part(all);
    uint32_t address = 0;
    if (!all_digits(last) && !(is_hex_prefix(last) && number_of(last) >= 0))
        return NULL;
    all.length = (size_t)(last.at - all.at) + last.length;
    for (int left = 3; left >= -1; left--) {
        const char *dot = memchr(all.at, '.', all.length);
        struct mw_span part = {all.at, dot != NULL ? (size_t)(dot - all.at) : all.length};
        int64_t number = number_of(part);
        if (left < 0 || number < 0)
            return wrong;
        if (dot == NULL) { /* the last number fills all the bytes that are left */
            if (number > (int64_t)(UINT32_MAX >> (8 * (3 - left))))
                return wrong;
            address |= (uint32_t)number;
            break;
        }
        if (number > 255)
            return wrong;
        address |= (uint32_t)number << (8 * left);
        all = (struct mw_span){dot + 1, all.length - part.length - 1};
    }
    snprintf(host, MW_HOST_SIZE, "%u.%u.%u.%u", address >> 24, address >> 16 & 255,
             address >> 8 & 255, address & 255);
    return NULL;
}

/* ---- IPv6 ------------------------------------------------------------------------------------ */

/* The first of the longest runs of zeros, of two at least (RFC 5952, 4.2). */
static int longest_run(const unsigned group[8], int *length)
{
    int best = -1;
    *length = 1;
    for (int i = 0; i < 8; i++) {
        int end = i;
        while (end < 8 && group[end] == 0)
            end++;
        if (end - i > *length) {
            best = i;
            *length = end - i;
        }
    }
    return best;
}

/* inet_ntop is no help: it writes "::1:2" as "::0.1.0.2". */
static void print_ipv6(const unsigned char address[16], char *at, size_t size)
{
    unsigned group[8];
    int run, length, used = 0;
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    if (memcmp(address, mapped, sizeof mapped) == 0) { /* RFC 5952, 5 */
        snprintf(at, size, "::ffff:%u.%u.%u.%u", address[12], address[13], address[14],
                 address[15]);
        return;
    }
    for (size_t i = 0; i < 8; i++)
        group[i] = (unsigned)address[2 * i] << 8 | address[2 * i + 1];
    run = longest_run(group, &length);
    for (int i = 0; i < 8; i++) {
        if (i == run) {
            used += snprintf(at + used, size - (size_t)used, "::");
            i += length - 1;
            continue;
        }
        const char *mark = i == 0 || i == run + length ? "" : ":"; /* run + length: 0 without one */
        used += snprintf(at + used, size - (size_t)used, "%s%x", mark, group[i]);
    }
}

const char *mw_host_normalize_ipv6(struct mw_span text, char host[MW_HOST_SIZE])
{
    char copy[64];
    unsigned char address[16];
    static const char wrong[] = "what stands in brackets is not an IPv6 address";
    if (text.length >= sizeof copy || memchr(text.at, '\0', text.length) != NULL)
        return wrong;
    memcpy(copy, text.at, text.length);
    copy[text.length] = '\0';
    if (inet_pton(AF_INET6, copy, address) != 1)
        return wrong;
    print_ipv6(address, host, MW_HOST_SIZE);
    return NULL;
}
