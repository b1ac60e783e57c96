/* Heads and chunks of HTTP/1 as bytes (RFC 9112): pure, incremental, no allocation. Strict: what
 * two readers could take for different things is refused. However the bytes are split into calls,
 * the answer is the same. SPDX-License-Identifier: MIT */
#ifndef MW_HTTP1_PARSE_H
#define MW_HTTP1_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http1_verdict {
    HTTP1_MORE, /* not complete: again with these bytes and those that follow them */
    HTTP1_DONE,
    HTTP1_BAD /* `wrong` and `refusal` say why */
};

enum http1_kind { HTTP1_REQUEST, HTTP1_RESPONSE, HTTP1_TRAILERS };

struct http1_limits {
    size_t head;     /* bytes of a head, from its first line to its empty one */
    unsigned fields; /* at most HTTP1_MOST_FIELDS */
};

enum { HTTP1_MOST_FIELDS = 256 };

/* A part of a head: its place from the head's first byte. */
struct http1_span {
    uint32_t at, length;
};

struct http1_field {
    struct http1_span name, value; /* the value without the blanks around it */
};

struct http1_head {
    enum http1_kind kind;

    /* what it says, once DONE */
    size_t size;                      /* its bytes, with the empty line */
    int minor;                        /* HTTP/1.minor: 0 or 1 */
    struct http1_span method, target; /* of a request; any token, any target */
    int status;                       /* of a response: 100 to 999 */
    struct http1_span reason;         /* may be empty */
    int64_t length;                   /* Content-Length; -1: there was none */
    bool chunked;                     /* Transfer-Encoding: chunked */
    bool close, keep_alive;           /* words of Connection */
    bool upgrade;                     /* Connection: upgrade, with a field Upgrade */
    bool expects_continue;            /* Expect: 100-continue */
    bool expects_other;               /* Expect with anything else (417) */

    /* why it is BAD */
    const char *wrong; /* words for people: "a field has no colon" */
    int refusal; /* what a server answers: 400, 413, 414, 431, 501, 505; a reply that is larger
                    than its limits has 431 */

    /* how far it is: whole lines are read once, and never again */
    size_t line;     /* where the line begins that is being read */
    size_t searched; /* bytes in which its end is not */
    bool started;    /* the first line has been read */
    int hosts;
    unsigned count;
    struct http1_field fields[HTTP1_MOST_FIELDS]; /* not cleared: `count` of them mean something */
};

void http1_head_init(struct http1_head *h, enum http1_kind kind);

/* Reads a head that begins with the first of these bytes. Each call gives all the bytes since then,
 * which may have moved; what follows the head is not looked at. */
enum http1_verdict http1_read_head(struct http1_head *h, const char *bytes, size_t length,
                                   const struct http1_limits *limits);

/* ---- bodies in chunks ---------------------------------------------------------------------- */

enum http1_chunk {
    HTTP1_CHUNK_MORE, /* all bytes are used up */
    HTTP1_CHUNK_DATA, /* a piece of the body */
    HTTP1_CHUNK_LAST, /* the last chunk's line is read: trailers follow (HTTP1_TRAILERS) */
    HTTP1_CHUNK_BAD
};

struct http1_chunks {
    uint64_t left;       /* bytes of the chunk that are still to come */
    unsigned line;       /* bytes of the line that is being read: chunk extensions are bounded, */
    unsigned extensions; /* and so are all of a body's */
    unsigned char state; /* the parser's own */
    const char *wrong;
};

void http1_chunks_init(struct http1_chunks *c);

/* Reads on. *used says how many of the bytes are done with; a piece of the body lies in them at
 * *data and is *size long. Called again with the rest until it answers other than DATA. */
enum http1_chunk http1_read_chunks(struct http1_chunks *c, const char *bytes, size_t length,
                                   size_t *used, const char **data, size_t *size);

#endif
