/* The fields that frame a message (RFC 9112, 6) and those that steer its connection.
 *
 * Every request passes here: a field is known by its length and its first letter before any of it
 * is compared. SPDX-License-Identifier: MIT */
#include "http1/fields.h"

#include "base/grammar.h"

#include <string.h>

bool http1_refuse(struct http1_head *h, int refusal, const char *wrong)
{
    h->refusal = refusal;
    h->wrong = wrong;
    return false;
}

/* ---- words ---------------------------------------------------------------------------------- */

/* `word` is in small letters; all of its bytes have the bit that makes letters small. Those bytes
 * that this bit would turn into one of them are no letters, and are in no token. */
static bool same(const char *bytes, const char *word, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if ((bytes[i] | 0x20) != word[i])
            return false;
    }
    return true;
}

#define IS(at, size, word) ((size) == sizeof(word) - 1 && same((at), (word), sizeof(word) - 1))

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

/* The next element of a list (RFC 9110, 5.6.1), without the blanks around it; it may be empty. */
struct element {
    const char *at;
    size_t length;
    bool last;
};

static struct element next_element(const char **list, const char *end)
{
    const char *at = *list, *comma = memchr(at, ',', (size_t)(end - at));
    const char *stop = comma != NULL ? comma : end;
    *list = comma != NULL ? comma + 1 : end;
    while (at < stop && is_blank(*at))
        at++;
    while (stop > at && is_blank(stop[-1]))
        stop--;
    return (struct element){at, (size_t)(stop - at), comma == NULL};
}

/* ---- hosts ---------------------------------------------------------------------------------- */

static bool is_port(const char *bytes, const char *end)
{
    unsigned port = 0;
    for (; bytes < end; bytes++) {
        port = port * 10 + (unsigned)(*bytes - '0');
        if (*bytes < '0' || *bytes > '9' || port > 65535)
            return false;
    }
    return true;
}

bool http1_is_authority(const char *bytes, size_t length, bool with_port)
{
    const char *end = bytes + length, *after = bytes;
    if (mw_bad_authority(bytes, length) >= 0)
        return false;
    if (length > 0 && bytes[0] == '[') {
        after = (const char *)memchr(bytes, ']', length) + 1;
        if (memchr(bytes, ':', (size_t)(after - bytes)) == NULL)
            return false; /* no IPv6 address */
    }
    const char *colon = memchr(after, ':', (size_t)(end - after));
    if (after > bytes && after < end && after != colon)
        return false; /* something between the bracket and the port */
    if (colon == NULL)
        return !with_port;
    return colon > bytes && !(with_port && colon + 1 == end) && is_port(colon + 1, end);
}

static bool take_host(struct http1_head *h, const char *value, size_t length)
{
    if (h->kind == HTTP1_RESPONSE)
        return true;
    if (++h->hosts > 1)
        return http1_refuse(h, 400, "there are several Host fields");
    if (!http1_is_authority(value, length, false))
        return http1_refuse(h, 400, "Host is not a host with perhaps a port");
    return true;
}

/* ---- framing -------------------------------------------------------------------------------- */

/* RFC 9112, 6.3: no sender has a reason to send both, but one who smuggles. */
static bool framed_twice(struct http1_head *h)
{
    return http1_refuse(h, 400, "there is a Content-Length beside Transfer-Encoding");
}

static bool take_length(struct http1_head *h, const char *value, size_t length)
{
    int64_t number = 0;
    if (h->chunked)
        return framed_twice(h);
    if (h->length >= 0)
        return http1_refuse(h, 400, "there are several Content-Length fields");
    for (size_t i = 0; i < length; i++) {
        int digit = value[i] - '0';
        if (digit < 0 || digit > 9)
            return http1_refuse(h, 400, "Content-Length is not a number");
        if (number > (INT64_MAX - digit) / 10)
            return http1_refuse(h, 413, "Content-Length is beyond all numbers");
        number = number * 10 + digit;
    }
    if (length == 0)
        return http1_refuse(h, 400, "Content-Length is not a number");
    h->length = number;
    return true;
}

/* A coding that is not ours is 501 (RFC 9112, 6.1), but one whose end cannot be told is 400. */
static bool refuse_coding(struct http1_head *h, const char *value, size_t length)
{
    const char *at = value, *end = value + length;
    struct element coding;
    do {
        coding = next_element(&at, end);
        size_t name = 0;
        while (name < coding.length && mw_byte_is(coding.at[name], MW_TOKEN))
            name++;
        size_t rest = name;
        while (rest < coding.length && is_blank(coding.at[rest]))
            rest++;
        if (name == 0 || (rest < coding.length && coding.at[rest] != ';'))
            return http1_refuse(h, 400, "Transfer-Encoding is not a list of codings");
        bool chunked = IS(coding.at, name, "chunked");
        if (chunked && (!coding.last || name < coding.length))
            return http1_refuse(h, 400, "Transfer-Encoding is not \"chunked\" alone");
    } while (!coding.last);
    return http1_refuse(h, 501, "Transfer-Encoding is not \"chunked\" alone");
}

static bool take_coding(struct http1_head *h, const char *value, size_t length)
{
    if (h->minor == 0)
        return http1_refuse(h, 400, "there was no Transfer-Encoding before version 1.1");
    if (h->length >= 0)
        return framed_twice(h);
    if (h->chunked)
        return http1_refuse(h, 400, "there are several Transfer-Encoding fields");
    if (!IS(value, length, "chunked"))
        return refuse_coding(h, value, length);
    h->chunked = true;
    return true;
}

/* ---- the connection ------------------------------------------------------------------------- */

static void take_connection(struct http1_head *h, const char *value, size_t length)
{
    const char *at = value, *end = value + length;
    struct element word;
    do {
        word = next_element(&at, end);
        h->close = h->close || IS(word.at, word.length, "close");
        h->keep_alive = h->keep_alive || IS(word.at, word.length, "keep-alive");
        h->upgrade = h->upgrade || IS(word.at, word.length, "upgrade");
    } while (!word.last);
}

/* HTTP/1.0 knows no expectations (RFC 9110, 10.1.1). */
static void take_expect(struct http1_head *h, const char *value, size_t length)
{
    const char *at = value, *end = value + length;
    struct element word;
    if (h->kind != HTTP1_REQUEST || h->minor == 0)
        return;
    do {
        word = next_element(&at, end);
        bool known = IS(word.at, word.length, "100-continue");
        h->expects_continue = h->expects_continue || known;
        h->expects_other = h->expects_other || (!known && word.length > 0);
    } while (!word.last);
}

/* ---- all of them ---------------------------------------------------------------------------- */

/* What frames a message comes before it (RFC 9110, 6.5.1). */
static bool take_trailer(struct http1_head *h, const char *name, size_t length)
{
    if (IS(name, length, "content-length") || IS(name, length, "transfer-encoding") ||
        IS(name, length, "host"))
        return http1_refuse(h, 400, "a trailer field says how the message is framed or routed");
    return true;
}

bool http1_take_field(struct http1_head *h, const char *bytes, const struct http1_field *field)
{
    const char *name = bytes + field->name.at, *value = bytes + field->value.at;
    size_t length = field->name.length, size = field->value.length;
    if (h->kind == HTTP1_TRAILERS)
        return take_trailer(h, name, length);
    switch (name[0] | 0x20) {
    case 'h':
        return IS(name, length, "host") ? take_host(h, value, size) : true;
    case 'c':
        if (IS(name, length, "connection"))
            take_connection(h, value, size);
        else if (IS(name, length, "content-length"))
            return take_length(h, value, size);
        return true;
    case 't':
        return IS(name, length, "transfer-encoding") ? take_coding(h, value, size) : true;
    case 'e':
        if (IS(name, length, "expect"))
            take_expect(h, value, size);
        return true;
    default:
        return true;
    }
}

static bool has_upgrade(const struct http1_head *h, const char *bytes)
{
    for (unsigned i = 0; i < h->count; i++) {
        if (IS(bytes + h->fields[i].name.at, h->fields[i].name.length, "upgrade"))
            return true;
    }
    return false;
}

bool http1_take_end(struct http1_head *h, const char *bytes)
{
    if (h->kind == HTTP1_REQUEST && h->hosts == 0 && h->minor > 0)
        return http1_refuse(h, 400, "there is no Host");
    /* HTTP/1.0 cannot be upgraded (RFC 9110, 7.8) */
    h->upgrade = h->upgrade && h->minor > 0 && has_upgrade(h, bytes);
    return true;
}
