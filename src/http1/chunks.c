/* Bodies in chunks (RFC 9112, 7.1), byte by byte but for their data.
 * SPDX-License-Identifier: MIT */
#include "base/grammar.h"
#include "http1/parse.h"

#include <string.h>

/* What the next byte may be. */
enum state {
    SIZE,    /* hexadecimal digits, and what follows them */
    BLANK,   /* ";" after the blanks behind a size, a name or a value, or the end of the line */
    NAME,    /* the name of an extension, after ";" and blanks */
    NAMING,  /* more of it */
    NAMED,   /* "=" after the blanks behind it */
    VALUE,   /* after "=" and blanks */
    VALUING, /* more of a token */
    QUOTED,  /* within a quoted string */
    ESCAPED, /* after its backslash */
    CLOSED,  /* behind its end */
    LINE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    END
};

/* Peers that send extensions send few; some send nothing else. */
enum { MOST_LINE = 4096, MOST_EXTENSIONS = 16384, MOST_DIGITS = 16 };

void http1_chunks_init(struct http1_chunks *c)
{
    memset(c, 0, sizeof *c);
}

static bool refuse(struct http1_chunks *c, const char *wrong)
{
    c->wrong = wrong;
    return false;
}

static bool is_blank(char byte)
{
    return byte == ' ' || byte == '\t';
}

static int hex_digit(char byte)
{
    if (byte >= '0' && byte <= '9')
        return byte - '0';
    char small = (char)(byte | 0x20);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
}

static bool go(struct http1_chunks *c, enum state state)
{
    c->state = (unsigned char)state;
    return true;
}

/* ---- the line before a chunk ---------------------------------------------------------------- */

static bool read_size(struct http1_chunks *c, char byte)
{
    int digit = hex_digit(byte);
    if (digit >= 0) {
        if (c->line > MOST_DIGITS || c->left > (uint64_t)INT64_MAX >> 4)
            return refuse(c, "the size of a chunk is too large");
        c->left = c->left << 4 | (unsigned)digit;
        return true;
    }
    if (c->line == 1)
        return refuse(c, "a chunk does not begin with its size");
    if (byte == '\r')
        return go(c, LINE_LF);
    if (byte == ';')
        return go(c, NAME);
    return is_blank(byte) ? go(c, BLANK) : refuse(c, "the size of a chunk is not a number");
}

/* RFC 9112, 7.1.1: *( BWS ";" BWS name [ BWS "=" BWS ( token / quoted-string ) ] ). Read past,
 * yet by its grammar: a byte that does not belong there is a sign of two readers. */
static bool read_extension(struct http1_chunks *c, char byte)
{
    bool token = mw_byte_is(byte, MW_TOKEN), ends = byte == '\r' || byte == ';';
    enum state after = byte == '\r' ? LINE_LF : NAME;
    switch ((enum state)c->state) {
    case BLANK:
        if (is_blank(byte) || byte == ';')
            return is_blank(byte) || go(c, NAME);
        break;
    case NAME:
        if (is_blank(byte) || token)
            return is_blank(byte) || go(c, NAMING);
        break;
    case NAMING:
        if (token || ends)
            return token || go(c, after);
        if (is_blank(byte) || byte == '=')
            return go(c, byte == '=' ? VALUE : NAMED);
        break;
    case NAMED:
        if (is_blank(byte) || byte == '=' || byte == ';')
            return is_blank(byte) || go(c, byte == '=' ? VALUE : NAME);
        break;
    case VALUE:
        if (is_blank(byte) || token || byte == '"')
            return is_blank(byte) || go(c, token ? VALUING : QUOTED);
        break;
    case VALUING:
        if (token)
            return true;
        /* fall through */
    case CLOSED:
        if (ends || is_blank(byte))
            return go(c, ends ? after : BLANK);
        break;
    default:
        break;
    }
    return refuse(c, "an extension of a chunk is malformed");
}

static bool read_quoted(struct http1_chunks *c, char byte)
{
    if (!mw_byte_is(byte, MW_VALUE))
        return refuse(c, "an extension of a chunk is malformed");
    if (c->state == ESCAPED)
        return go(c, QUOTED);
    if (byte == '\\')
        return go(c, ESCAPED);
    return byte == '"' ? go(c, CLOSED) : true;
}

/* The line's own bounds come first: whoever sends more of it shall not choose what we say. */
static bool read_line(struct http1_chunks *c, char byte)
{
    if (++c->line > MOST_LINE)
        return refuse(c, "the line before a chunk is too long");
    if (c->state == SIZE)
        return read_size(c, byte);
    if (c->state == LINE_LF) {
        c->line = 0;
        if (byte != '\n')
            return refuse(c, "the line before a chunk has a CR without LF");
        return go(c, c->left > 0 ? DATA : END);
    }
    if (++c->extensions > MOST_EXTENSIONS)
        return refuse(c, "the extensions of the chunks are too long");
    return c->state == QUOTED || c->state == ESCAPED ? read_quoted(c, byte)
                                                     : read_extension(c, byte);
}

/* ---- bodies --------------------------------------------------------------------------------- */

static bool read_byte(struct http1_chunks *c, char byte)
{
    if (c->state == DATA_CR)
        return byte == '\r' ? go(c, DATA_LF) : refuse(c, "a chunk is longer than its size");
    if (c->state == DATA_LF)
        return byte == '\n' ? go(c, SIZE) : refuse(c, "a chunk does not end in CR LF");
    return read_line(c, byte);
}

static enum http1_chunk take_data(struct http1_chunks *c, size_t length)
{
    c->left -= length;
    if (c->left == 0)
        c->state = DATA_CR;
    return HTTP1_CHUNK_DATA;
}

enum http1_chunk http1_read_chunks(struct http1_chunks *c, const char *bytes, size_t length,
                                   size_t *used, const char **data, size_t *size)
{
    size_t at = 0;
    enum http1_chunk answer = HTTP1_CHUNK_MORE;
    *data = NULL;
    *size = 0;
    if (c->wrong != NULL)
        answer = HTTP1_CHUNK_BAD;
    while (answer == HTTP1_CHUNK_MORE && c->state != END && at < length) {
        if (c->state == DATA) {
            *data = bytes + at;
            *size = length - at < c->left ? length - at : (size_t)c->left;
            at += *size;
            answer = take_data(c, *size);
        } else if (read_byte(c, bytes[at])) {
            at++;
        } else {
            answer = HTTP1_CHUNK_BAD;
        }
    }
    *used = at;
    return answer == HTTP1_CHUNK_MORE && c->state == END ? HTTP1_CHUNK_LAST : answer;
}
