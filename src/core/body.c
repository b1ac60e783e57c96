/* The body of a request: checked when the exchange starts, read as the engine sends it.
 * SPDX-License-Identifier: MIT */
#include "core/body.h"

#include "core/exchange.h"
#include "core/policy.h"

#include <event2/buffer.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- where it comes from ------------------------------------------------------------------- */

/* It is told of from the loop, as everything that the world did. */
static int unusable(mw_exchange *x, int system_errno, const char *name, const char *why)
{
    struct mw_body *b = &x->body;
    b->unusable = mw_alloc(&x->rt->allocator, sizeof *b->unusable);
    if (b->unusable == NULL)
        return mw_fail(x->rt, MW_ENOMEM, "no memory for a request");
    mw_failure_init(b->unusable, MW_UNKNOWN_CONTENT_ERROR, MW_PHASE_SEND);
    b->unusable->system_errno = system_errno;
    mw_failure_text(b->unusable, "cannot send %.150s: %s", name, why);
    return MW_OK;
}

/* How much of it goes: to its end, or as much as is asked for. */
static int measure(mw_exchange *x, const mw_options *o, const char *name)
{
    struct mw_body *b = &x->body;
    struct stat st;
    if (fstat(b->file, &st) != 0)
        return unusable(x, errno, name, strerror(errno));
    if (!S_ISREG(st.st_mode))
        return unusable(x, 0, name, "it is not a regular file (a function can read from others)");
    uint64_t size = st.st_size > 0 ? (uint64_t)st.st_size : 0;
    if (o->body_offset > size || (o->body_length > 0 && o->body_length > size - o->body_offset))
        return unusable(x, 0, name, "it ends before what is to be sent of it");
    b->offset = (off_t)o->body_offset;
    b->length = o->body_length > 0 ? o->body_length : size - o->body_offset;
    return MW_OK;
}

static int prepare_file(mw_exchange *x, const mw_options *o)
{
    struct mw_body *b = &x->body;
    const char *name = o->body_file != NULL ? o->body_file : "the file";
    b->kind = MW_BODY_FILE;
    /* Without O_NONBLOCK a FIFO would hold us up, only to be refused. */
    if (o->body_file != NULL)
        b->file = open(o->body_file, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    else
        b->file = fcntl(*o->body_fd, F_DUPFD_CLOEXEC, 0);
    return b->file < 0 ? unusable(x, errno, name, strerror(errno)) : measure(x, o, name);
}

static int prepare_memory(mw_exchange *x, const mw_options *o)
{
    struct mw_body *b = &x->body;
    b->kind = MW_BODY_MEMORY;
    b->length = o->body_length;
    if (b->length == 0)
        return MW_OK;
    if (b->length > SIZE_MAX || (b->bytes = mw_alloc(&x->rt->allocator, (size_t)b->length)) == NULL)
        return mw_fail(x->rt, MW_ENOMEM, "no memory for a body of %llu bytes",
                       (unsigned long long)b->length);
    memcpy(b->bytes, o->body, (size_t)b->length);
    return MW_OK;
}

static void prepare_function(mw_exchange *x, const mw_options *o)
{
    struct mw_body *b = &x->body;
    b->kind = MW_BODY_FUNCTION;
    b->length = o->body_length > 0 ? o->body_length : MW_UNKNOWN;
    b->reader.read = o->read_body;
    b->reader.rewind = o->rewind_body;
    b->reader.ud = o->ud;
}

static void fail_unusable(mw_exchange *x)
{
    struct mw_failure f = *x->body.unusable;
    mw_exchange_fail(x, &f);
}

static void run(struct mw_deferred *self)
{
    mw_exchange *x = MW_ITEM(self, mw_exchange, body.asking);
    int wrong = x->body.file_error;
    if (x->body.unusable != NULL)
        fail_unusable(x);
    else if (wrong == 0)
        mw_body_ask(x);
    else if (wrong < 0)
        mw_body_fail(x, MW_UNKNOWN_CONTENT_ERROR, 0,
                     "the file has become shorter while it was being sent");
    else
        mw_body_fail(x, MW_UNKNOWN_CONTENT_ERROR, wrong, strerror(wrong));
}

int mw_body_prepare(mw_exchange *x, const mw_options *o)
{
    int sources =
        (o->body != NULL) + (o->body_file != NULL) + (o->body_fd != NULL) + (o->read_body != NULL);
    x->body.file = -1;
    x->body.asking.run = run;
    if (sources > 1)
        return mw_fail(x->rt, MW_EINVAL,
                       "bad body: only one of body, body_file, body_fd and read_body can be sent");
    if (o->body != NULL)
        return prepare_memory(x, o);
    if (o->body_file != NULL || o->body_fd != NULL)
        return prepare_file(x, o);
    if (o->read_body != NULL)
        prepare_function(x, o);
    return MW_OK;
}

void mw_body_destroy(mw_exchange *x)
{
    const struct mw_allocator *a = &x->rt->allocator;
    struct mw_body *b = &x->body;
    mw_undefer(&b->asking);
    mw_dealloc(a, b->bytes);
    mw_dealloc(a, b->unusable);
    if (b->kind == MW_BODY_FILE && b->file >= 0)
        close(b->file);
    if (b->reader.ahead != NULL)
        evbuffer_free(b->reader.ahead);
    memset(b, 0, sizeof *b); /* of no kind any more */
}

void mw_body_free(mw_exchange *x)
{
    if (!x->body.reader.running)
        mw_body_destroy(x);
}

void mw_body_fail(mw_exchange *x, int code, int system_errno, const char *words)
{
    struct mw_failure f;
    mw_failure_init(&f, code, MW_PHASE_SEND);
    f.system_errno = system_errno;
    mw_failure_text(&f, "the body of the request cannot be sent: %.200s", words);
    mw_exchange_fail(x, &f);
}

/* ---- as the engine takes it ---------------------------------------------------------------- */

static enum mw_io take_memory(struct mw_body *b, void *bytes, size_t size, size_t *n)
{
    uint64_t left = b->length - b->taken;
    *n = left < size ? (size_t)left : size;
    if (*n == 0)
        return MW_IO_END;
    memcpy(bytes, (const char *)b->bytes + b->taken, *n);
    return MW_IO_DONE;
}

/* What went wrong ends the exchange, but not from inside the engine. */
static enum mw_io take_file(mw_exchange *x, void *bytes, size_t size, size_t *n)
{
    struct mw_body *b = &x->body;
    uint64_t left = b->length - b->taken;
    *n = 0;
    if (left == 0)
        return MW_IO_END;
    if (size > left)
        size = (size_t)left;
    ssize_t got = pread(b->file, bytes, size, b->offset + (off_t)b->taken);
    if (got <= 0) {
        b->file_error = got < 0 ? errno : -1;
        mw_defer(x->rt, &b->asking);
        return MW_IO_AGAIN_READ;
    }
    *n = (size_t)got;
    return MW_IO_DONE;
}

/* What the policy refuses ends the exchange, but not from inside the engine. */
static bool may_send(mw_exchange *x, size_t n)
{
    struct mw_failure f;
    if (mw_policy_counts_sent(x, n, &f))
        return true;
    x->body.unusable = mw_alloc(&x->rt->allocator, sizeof f);
    if (x->body.unusable != NULL)
        *x->body.unusable = f;
    mw_defer(x->rt, &x->body.asking);
    return false;
}

enum mw_io mw_exchange_read_body(mw_exchange *x, void *bytes, size_t size, size_t *n)
{
    enum mw_io how = MW_IO_END;
    *n = 0;
    if (x->body.kind == MW_BODY_MEMORY)
        how = take_memory(&x->body, bytes, size, n);
    else if (x->body.kind == MW_BODY_FILE)
        how = take_file(x, bytes, size, n);
    else if (x->body.kind == MW_BODY_FUNCTION)
        how = mw_body_take_ahead(x, bytes, size, n);
    x->body.taken += *n;
    if (*n > 0 && x->body.length == MW_UNKNOWN && !may_send(x, *n)) {
        *n = 0;
        return MW_IO_AGAIN_READ;
    }
    return how;
}

int mw_exchange_body_file(const mw_exchange *x, off_t *offset)
{
    *offset = x->body.offset;
    return x->body.kind == MW_BODY_FILE ? x->body.file : -1;
}

bool mw_exchange_rewind_body(mw_exchange *x)
{
    struct mw_body *b = &x->body;
    if (!mw_exchange_can_rewind(x))
        return false;
    if (b->kind == MW_BODY_FUNCTION && b->taken > 0) /* else all that it gave lies here still */
        mw_body_begin_again(x);
    b->taken = 0;
    return true;
}

bool mw_exchange_can_rewind(const mw_exchange *x)
{
    const struct mw_body *b = &x->body;
    return b->kind != MW_BODY_FUNCTION || b->taken == 0 || b->reader.rewind != NULL;
}

bool mw_body_waits(const mw_exchange *x)
{
    return x->body.kind == MW_BODY_FUNCTION && x->body.reader.hungry && x->body.reader.waits;
}
