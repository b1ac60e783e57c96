/* Where the body of a request comes from: memory, a file, or a function of the user's.
 * SPDX-License-Identifier: MIT */
#ifndef MW_CORE_BODY_H
#define MW_CORE_BODY_H

#include "core/engine.h"
#include "core/runtime.h"

enum mw_body_kind { MW_BODY_NONE, MW_BODY_MEMORY, MW_BODY_FILE, MW_BODY_FUNCTION };

/* What a function gives is read ahead, by deferred work: so it never runs inside the engine, and
 * may cancel and free its exchange. */
struct mw_body_reader {
    mw_read_fn read;
    mw_rewind_fn rewind; /* NULL: it cannot begin again */
    void *ud;
    struct evbuffer *ahead; /* given and not taken; NULL until there is some */
    uint64_t given;
    bool ended;     /* it has given all */
    bool waits;     /* it has nothing now; mw_exchange_resume follows */
    bool hungry;    /* the engine waits for more */
    bool rewinding; /* it is to begin again before it is asked */
    bool running;   /* it writes into `ahead`, which must stay */
};

struct mw_body {
    enum mw_body_kind kind;
    void *bytes;     /* of memory: a copy of the caller's */
    int file;        /* of a file: a descriptor of our own */
    off_t offset;    /* where it begins in there */
    int file_error;  /* errno of a read that failed; -1: the file has become shorter */
    uint64_t length; /* MW_UNKNOWN where only its end will tell */
    uint64_t taken;  /* by the engine, with mw_exchange_read_body */
    struct mw_body_reader reader;
    struct mw_deferred asking;   /* asks the function, or tells of file_error */
    struct mw_failure *unusable; /* why there is nothing to send, NULL where there is */
};

/* Takes the source over from the options; MW_EINVAL where they contradict each other. What only the
 * world can be blamed for is noted in `unusable`. */
int mw_body_prepare(mw_exchange *x, const mw_options *o);
void mw_body_free(mw_exchange *x);    /* unless its function is running, which does it then */
void mw_body_destroy(mw_exchange *x); /* in any case */

/* The end of an exchange that its body is to blame for. */
void mw_body_fail(mw_exchange *x, int code, int system_errno, const char *words);

/* Whether mw_exchange_rewind_body would do. */
bool mw_exchange_can_rewind(const mw_exchange *x);

/* The engine could send, but its user has nothing: nobody else can be blamed for the silence. */
bool mw_body_waits(const mw_exchange *x);

/* The function's part (body_function.c). */
enum mw_io mw_body_take_ahead(mw_exchange *x, void *bytes, size_t size, size_t *n);
void mw_body_ask(mw_exchange *x);
void mw_body_begin_again(mw_exchange *x);

#endif
