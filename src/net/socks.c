/* SOCKS 5: method, credentials, request, each answered before the next is sent.
 * SPDX-License-Identifier: MIT */
#include "net/socks.h"

#include <arpa/inet.h>
#include <string.h>

enum { VERSION = 5, CREDENTIALS_VERSION = 1 };
enum { NO_METHOD = 0xff, METHOD_NONE = 0, METHOD_CREDENTIALS = 2 };
enum { COMMAND_CONNECT = 1 };
enum { TYPE_V4 = 1, TYPE_NAME = 3, TYPE_V6 = 4 };
enum state { READ_METHOD, READ_CREDENTIALS, READ_REPLY, OVER };

/* The part of a reply that tells how long it is: version, reply, reserved, type, and the first byte
 * of the address, which is the length of a name. */
enum { REPLY_HEAD = 5 };

static void expect(struct mw_socks *s, enum state state, unsigned need)
{
    s->state = state;
    s->need = need;
    s->have = 0;
}

static enum mw_socks_verdict fail(struct mw_socks *s, enum mw_socks_fault fault, const char *words)
{
    s->state = OVER;
    s->fault = fault;
    s->words = words;
    return MW_SOCKS_BAD;
}

static void put(struct mw_socks *s, const void *bytes, size_t length)
{
    memcpy(s->out + s->out_size, bytes, length);
    s->out_size += length;
}

static void put_byte(struct mw_socks *s, unsigned byte)
{
    s->out[s->out_size++] = (unsigned char)byte;
}

/* Its length before it, in one byte. */
static void put_text(struct mw_socks *s, const char *text)
{
    size_t length = strnlen(text, 255);
    put_byte(s, (unsigned)length);
    put(s, text, length);
}

void mw_socks_init(struct mw_socks *s, const struct mw_socks_wish *wish)
{
    s->wish = *wish;
    s->out_size = 0;
    s->reply = 0;
    s->words = NULL;
    put_byte(s, VERSION);
    put_byte(s, wish->user != NULL ? 2 : 1);
    put_byte(s, METHOD_NONE);
    if (wish->user != NULL)
        put_byte(s, METHOD_CREDENTIALS);
    expect(s, READ_METHOD, 2);
}

static enum mw_socks_verdict send_credentials(struct mw_socks *s)
{
    s->out_size = 0;
    put_byte(s, CREDENTIALS_VERSION);
    put_text(s, s->wish.user);
    put_text(s, s->wish.password);
    expect(s, READ_CREDENTIALS, 2);
    return MW_SOCKS_SEND;
}

static enum mw_socks_verdict send_request(struct mw_socks *s)
{
    unsigned char address[16];
    s->out_size = 0;
    put_byte(s, VERSION);
    put_byte(s, COMMAND_CONNECT);
    put_byte(s, 0);
    if (inet_pton(AF_INET, s->wish.host, address) == 1) {
        put_byte(s, TYPE_V4);
        put(s, address, 4);
    } else if (inet_pton(AF_INET6, s->wish.host, address) == 1) {
        put_byte(s, TYPE_V6);
        put(s, address, 16);
    } else {
        put_byte(s, TYPE_NAME);
        put_text(s, s->wish.host);
    }
    put_byte(s, s->wish.port >> 8);
    put_byte(s, s->wish.port & 0xff);
    expect(s, READ_REPLY, REPLY_HEAD);
    return MW_SOCKS_SEND;
}

static enum mw_socks_verdict got_method(struct mw_socks *s)
{
    bool offered = s->wish.user != NULL;
    if (s->in[0] != VERSION)
        return fail(s, MW_SOCKS_FAULT_PROTOCOL, "does not speak SOCKS 5");
    if (s->in[1] == METHOD_NONE)
        return send_request(s);
    if (s->in[1] == METHOD_CREDENTIALS && offered)
        return send_credentials(s);
    if (s->in[1] == NO_METHOD && !offered)
        return fail(s, MW_SOCKS_FAULT_NEEDS_CREDENTIALS, "wants a user and a password");
    if (s->in[1] == NO_METHOD)
        return fail(s, MW_SOCKS_FAULT_CREDENTIALS, "takes neither a password nor none");
    return fail(s, MW_SOCKS_FAULT_PROTOCOL, "chose a way of authentication that was not offered");
}

static enum mw_socks_verdict got_credentials(struct mw_socks *s)
{
    if (s->in[0] != CREDENTIALS_VERSION)
        return fail(s, MW_SOCKS_FAULT_PROTOCOL, "breaks the rules of SOCKS 5");
    if (s->in[1] != 0) /* RFC 1929, 2 */
        return fail(s, MW_SOCKS_FAULT_CREDENTIALS, "refuses the user and the password");
    return send_request(s);
}

static const char *words_of(int reply)
{
    static const char *const words[] = {
        [MW_SOCKS_GENERAL] = "says: general failure",
        [MW_SOCKS_NOT_ALLOWED] = "says: connection not allowed",
        [MW_SOCKS_NETWORK_UNREACHABLE] = "says: network unreachable",
        [MW_SOCKS_HOST_UNREACHABLE] = "says: host unreachable",
        [MW_SOCKS_REFUSED] = "says: connection refused",
        [MW_SOCKS_TTL_EXPIRED] = "says: time to live expired",
        [MW_SOCKS_BAD_COMMAND] = "says: command not supported",
        [MW_SOCKS_BAD_ADDRESS_TYPE] = "says: address type not supported",
    };
    bool known = reply > 0 && reply < (int)(sizeof words / sizeof words[0]);
    return known ? words[reply] : "failed for a reason that SOCKS 5 does not know";
}

/* The whole length, by the type of the address; 0: there is no such type. */
static unsigned reply_length(const struct mw_socks *s)
{
    switch (s->in[3]) {
    case TYPE_V4:
        return 4 + 4 + 2;
    case TYPE_V6:
        return 4 + 16 + 2;
    case TYPE_NAME:
        return 4 + 1 + s->in[4] + 2u;
    default:
        return 0;
    }
}

/* What a proxy that refuses puts behind the reply is of no use, and not always there. */
static enum mw_socks_verdict got_reply(struct mw_socks *s)
{
    if (s->in[0] != VERSION)
        return fail(s, MW_SOCKS_FAULT_PROTOCOL, "does not speak SOCKS 5");
    if (s->have < 2)
        return MW_SOCKS_MORE;
    s->reply = s->in[1];
    if (s->reply != 0)
        return fail(s, MW_SOCKS_FAULT_REPLY, words_of(s->reply));
    if (s->have < REPLY_HEAD)
        return MW_SOCKS_MORE;
    unsigned length = reply_length(s);
    if (length == 0 || s->in[2] != 0)
        return fail(s, MW_SOCKS_FAULT_PROTOCOL, "breaks the rules of SOCKS 5");
    s->need = length;
    if (s->have < length)
        return MW_SOCKS_MORE;
    s->state = OVER;
    return MW_SOCKS_DONE;
}

static enum mw_socks_verdict step(struct mw_socks *s)
{
    if (s->state == READ_REPLY)
        return got_reply(s);
    if (s->have < s->need)
        return MW_SOCKS_MORE;
    return s->state == READ_METHOD ? got_method(s) : got_credentials(s);
}

enum mw_socks_verdict mw_socks_take(struct mw_socks *s, const void *bytes, size_t length,
                                    size_t *used)
{
    const unsigned char *at = bytes;
    enum mw_socks_verdict verdict = MW_SOCKS_MORE;
    *used = 0;
    while (*used < length && verdict == MW_SOCKS_MORE && s->state != OVER) {
        s->in[s->have++] = at[(*used)++];
        verdict = step(s);
    }
    return verdict;
}
