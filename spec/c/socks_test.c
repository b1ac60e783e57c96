/* SOCKS 5 as bytes: what is sent, what each reply leads to, the same however the replies are cut.
 * SPDX-License-Identifier: MIT */
#include "net/socks.h"

#include "test.h"

#define B(text) text, sizeof(text) - 1

/* A talk: what the proxy says, and what must have been sent by its end. */
struct talk {
    const char *title;
    struct mw_socks_wish wish;
    const char *says;
    size_t says_size;
    const char *sent;
    size_t sent_size;
    enum mw_socks_verdict verdict;
    size_t left; /* bytes that are not the proxy's */
    enum mw_socks_fault fault;
    int reply;
    const char *words;
};

#define NAME                                                                                       \
    {                                                                                              \
        "a.test", 0x1234, NULL, NULL                                                               \
    }
#define WITH_PASSWORD                                                                              \
    {                                                                                              \
        "a.test", 80, "me", "pw"                                                                   \
    }
#define HELLO "\5\1\0"
#define HELLO_BOTH "\5\2\0\2"
#define ASK_NAME "\5\1\0\3\6a.test\x12\x34"
#define ASK_80 "\5\1\0\3\6a.test\0\x50"
#define GRANTED "\5\0\0\1\x7f\0\0\1\0\x50"

static const struct talk talks[] = {
    {"a name", NAME, B("\5\0" GRANTED), B(HELLO ASK_NAME), MW_SOCKS_DONE, 0, 0, 0, NULL},
    {"an address of IPv4",
     {"127.0.0.1", 80, NULL, NULL},
     B("\5\0" GRANTED),
     B(HELLO "\5\1\0\1\x7f\0\0\1\0\x50"),
     MW_SOCKS_DONE,
     0,
     0,
     0,
     NULL},
    {"an address of IPv6",
     {"::1", 443, NULL, NULL},
     B("\5\0" GRANTED),
     B(HELLO "\5\1\0\4\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\1\xbb"),
     MW_SOCKS_DONE,
     0,
     0,
     0,
     NULL},
    {"a reply with a name", NAME, B("\5\0\5\0\0\3\4host\0\1"), B(HELLO ASK_NAME), MW_SOCKS_DONE, 0,
     0, 0, NULL},
    {"a reply with an empty name", NAME, B("\5\0\5\0\0\3\0\0\1"), B(HELLO ASK_NAME), MW_SOCKS_DONE,
     0, 0, 0, NULL},
    {"a reply with IPv6", NAME, B("\5\0\5\0\0\4aaaabbbbccccdddd\0\1"), B(HELLO ASK_NAME),
     MW_SOCKS_DONE, 0, 0, 0, NULL},
    {"bytes of the host's behind the reply", NAME, B("\5\0" GRANTED "abc"), B(HELLO ASK_NAME),
     MW_SOCKS_DONE, 3, 0, 0, NULL},
    {"credentials", WITH_PASSWORD, B("\5\2\1\0" GRANTED), B(HELLO_BOTH "\1\2me\2pw" ASK_80),
     MW_SOCKS_DONE, 0, 0, 0, NULL},
    {"credentials that nobody asks for", WITH_PASSWORD, B("\5\0" GRANTED), B(HELLO_BOTH ASK_80),
     MW_SOCKS_DONE, 0, 0, 0, NULL},
    {"credentials that are refused", WITH_PASSWORD, B("\5\2\1\1"), B(HELLO_BOTH "\1\2me\2pw"),
     MW_SOCKS_BAD, 0, MW_SOCKS_FAULT_CREDENTIALS, 0, "refuses the user and the password"},
    {"credentials answered by another version", WITH_PASSWORD, B("\5\2\5\0"),
     B(HELLO_BOTH "\1\2me\2pw"), MW_SOCKS_BAD, 0, MW_SOCKS_FAULT_PROTOCOL, 0, "breaks the rules"},
    {"credentials that are needed", NAME, B("\5\xff"), B(HELLO), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_NEEDS_CREDENTIALS, 0, "wants a user and a password"},
    {"no method of ours", WITH_PASSWORD, B("\5\xff"), B(HELLO_BOTH), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_CREDENTIALS, 0, "neither a password nor none"},
    {"a method that was not offered", NAME, B("\5\2"), B(HELLO), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_PROTOCOL, 0, "not offered"},
    {"GSSAPI", WITH_PASSWORD, B("\5\1"), B(HELLO_BOTH), MW_SOCKS_BAD, 0, MW_SOCKS_FAULT_PROTOCOL, 0,
     "not offered"},
    {"SOCKS 4", NAME, B("\0\x5b"), B(HELLO), MW_SOCKS_BAD, 0, MW_SOCKS_FAULT_PROTOCOL, 0,
     "does not speak SOCKS 5"},
    {"HTTP", NAME, B("HTTP/1.1 400 Bad Request\r\n\r\n"), B(HELLO), MW_SOCKS_BAD, 26,
     MW_SOCKS_FAULT_PROTOCOL, 0, "does not speak SOCKS 5"},
    {"a reply of another version", NAME, B("\5\0\4"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_PROTOCOL, 0, "does not speak SOCKS 5"},
    {"an address type that is none", NAME, B("\5\0\5\0\0\2\1"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_PROTOCOL, 0, "breaks the rules"},
    {"a reserved byte that is not 0", NAME, B("\5\0\5\0\1\1\1"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_PROTOCOL, 0, "breaks the rules"},
    {"a general failure", NAME, B("\5\0\5\1"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_REPLY, 1, "general failure"},
    {"a refusal by rule", NAME, B("\5\0\5\2"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_REPLY, 2, "not allowed"},
    {"an unreachable network", NAME, B("\5\0\5\3"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_REPLY, 3, "network unreachable"},
    {"an unreachable host", NAME, B("\5\0\5\4\0\1\0\0\0\0\0\0"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 8,
     MW_SOCKS_FAULT_REPLY, 4, "host unreachable"},
    {"a host that refuses", NAME, B("\5\0\5\5"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_REPLY, 5, "connection refused"},
    {"a packet that has expired", NAME, B("\5\0\5\6"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_REPLY, 6, "expired"},
    {"a command that is not known", NAME, B("\5\0\5\7"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_REPLY, 7, "command not supported"},
    {"an address type that is not known", NAME, B("\5\0\5\x8"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_REPLY, 8, "address type not supported"},
    {"a reply that is not known", NAME, B("\5\0\5\x9"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_REPLY, 9, "does not know"},
    {"the greatest reply", NAME, B("\5\0\5\xff"), B(HELLO ASK_NAME), MW_SOCKS_BAD, 0,
     MW_SOCKS_FAULT_REPLY, 255, "does not know"},
};

struct result {
    char sent[2 * MW_SOCKS_OUT];
    size_t sent_size, left;
    enum mw_socks_verdict verdict;
};

static void note_sent(struct result *r, const struct mw_socks *s)
{
    if (CHECK(r->sent_size + s->out_size <= sizeof r->sent)) {
        memcpy(r->sent + r->sent_size, s->out, s->out_size);
        r->sent_size += s->out_size;
    }
}

/* The proxy's bytes in pieces of `size`, each from a block of just its size. */
static void play(struct mw_socks *s, const struct mw_socks_wish *wish, const char *bytes,
                 size_t length, size_t size, struct result *r)
{
    memset(r, 0, sizeof *r);
    memset(s, 0xaa, sizeof *s);
    mw_socks_init(s, wish);
    note_sent(r, s);
    r->verdict = MW_SOCKS_MORE;
    size_t at = 0;
    while (at < length && r->verdict == MW_SOCKS_MORE) {
        size_t used, n = length - at < size ? length - at : size;
        char *piece = test_need(malloc(n));
        memcpy(piece, bytes + at, n);
        r->verdict = mw_socks_take(s, piece, n, &used);
        free(piece);
        CHECK(used <= n);
        at += used;
        if (r->verdict == MW_SOCKS_SEND) {
            note_sent(r, s);
            r->verdict = MW_SOCKS_MORE;
        }
    }
    r->left = length - at;
}

static void follows_the_rules(void)
{
    static struct mw_socks s;
    struct result r;
    for (size_t i = 0; i < sizeof talks / sizeof talks[0]; i++) {
        const struct talk *t = &talks[i];
        test_state.name = t->title;
        for (size_t size = 1; size <= t->says_size; size++) {
            play(&s, &t->wish, t->says, t->says_size, size, &r);
            CHECK_INT(r.verdict, t->verdict);
            CHECK(r.left == t->left);
            CHECK(r.sent_size == t->sent_size);
            CHECK(memcmp(r.sent, t->sent, t->sent_size) == 0);
            if (t->verdict != MW_SOCKS_BAD)
                continue;
            CHECK_INT(s.fault, t->fault);
            CHECK_INT(s.reply, t->reply);
            CHECK_HAS(s.words, t->words);
        }
    }
}

/* Cut at each byte it waits for more, and knows it. */
static void waits_for_what_is_missing(void)
{
    static struct mw_socks s;
    struct result r;
    for (size_t i = 0; i < sizeof talks / sizeof talks[0]; i++) {
        const struct talk *t = &talks[i];
        for (size_t cut = 0; cut < t->says_size - t->left && t->verdict == MW_SOCKS_DONE; cut++) {
            play(&s, &t->wish, t->says, cut, 1, &r);
            CHECK_INT(r.verdict, MW_SOCKS_MORE);
        }
    }
}

static void carries_the_longest_texts(void)
{
    static struct mw_socks s;
    struct result r;
    char user[256], password[256], host[256];
    memset(user, 'u', 255);
    memset(password, 'p', 255);
    memset(host, 'h', 255);
    user[255] = password[255] = host[255] = '\0';
    const struct mw_socks_wish wish = {host, 65535, user, password};
    play(&s, &wish, B("\5\2\1\0" GRANTED), 1, &r);
    CHECK_INT(r.verdict, MW_SOCKS_DONE);
    CHECK(r.sent_size == 4 + 513 + 262);
    CHECK(memcmp(r.sent + 4 + 513 + 5, host, 255) == 0);
    CHECK(memcmp(r.sent + 4 + 513 + 260, "\xff\xff", 2) == 0);
}

static void takes_the_longest_reply(void)
{
    static struct mw_socks s;
    struct result r;
    const struct mw_socks_wish wish = {"a.test", 80, NULL, NULL};
    char says[2 + 5 + 255 + 2] = "\5\0\5\0\0\3\xff";
    memset(says + 7, 'n', 257);
    for (size_t size = 1; size <= sizeof says; size++) {
        play(&s, &wish, says, sizeof says, size, &r);
        CHECK_INT(r.verdict, MW_SOCKS_DONE);
        CHECK(r.left == 0);
    }
}

/* No bytes whatever make it do anything but wait, ask or fail. */
static void survives_noise(void)
{
    static struct mw_socks s;
    struct result r;
    unsigned seed = 12345;
    char noise[600];
    const struct mw_socks_wish wish = {"a.test", 80, "me", "pw"};
    for (int i = 0; i < 20000; i++) {
        for (size_t k = 0; k < sizeof noise; k++) {
            seed = seed * 1103515245u + 12345u;
            noise[k] = (char)(k < 12 ? (seed >> 16) % 7 : seed >> 16);
        }
        noise[0] = 5;
        play(&s, &wish, noise, sizeof noise, 1 + (seed >> 20) % 40, &r);
        CHECK(r.sent_size <= sizeof r.sent);
        CHECK(r.verdict != MW_SOCKS_BAD || s.words != NULL);
    }
}

int main(void)
{
    follows_the_rules();
    TEST(waits_for_what_is_missing);
    TEST(carries_the_longest_texts);
    TEST(takes_the_longest_reply);
    TEST(survives_noise);
    return test_end();
}
