/* A whole message read by the parser of http1, in pieces of any size: for the specs and the
 * fuzzers. SPDX-License-Identifier: MIT */
#ifndef MOONWIRE_SPEC_MESSAGE_H
#define MOONWIRE_SPEC_MESSAGE_H

#include "http1/parse.h"

enum message_state {
    MESSAGE_HEAD,
    MESSAGE_LENGTH,
    MESSAGE_CHUNKS,
    MESSAGE_TRAILERS,
    MESSAGE_UNTIL_CLOSE,
    MESSAGE_DONE,
    MESSAGE_BAD
};

struct message {
    enum message_state state;
    int bodiless; /* a reply whose head says nothing of its body: to HEAD */
    struct http1_limits limits;
    struct http1_head head, trailers;
    struct http1_chunks chunks;
    int64_t left;      /* of a body with a length */
    const char *wrong; /* once BAD */
    int refusal;       /* likewise */
    char *bytes;       /* what is not done with yet; of a head, all of it */
    size_t length;     /* of these */
    char *first;       /* the head's bytes, once it is read */
    char *last;        /* likewise those of the trailers */
    char *body;
    size_t body_length;
    size_t taken; /* bytes of the message so far, from its first */
};

/* Without memory they abort. */
void message_init(struct message *m, enum http1_kind kind);
void message_feed(struct message *m, const char *bytes, size_t length);
void message_free(struct message *m);

#endif
