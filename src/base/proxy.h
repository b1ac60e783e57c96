/* A proxy as its URL names it, and which hosts are to be reached without one. Pure text.
 * SPDX-License-Identifier: MIT */
#ifndef MW_BASE_PROXY_H
#define MW_BASE_PROXY_H

#include "base/alloc.h"

#include <stdbool.h>

enum mw_proxy_kind {
    MW_PROXY_HTTP,
    MW_PROXY_HTTPS,  /* HTTP, over TLS to the proxy itself */
    MW_PROXY_SOCKS5, /* names are looked up here, the proxy gets addresses; */
    MW_PROXY_SOCKS5H /* or by the proxy */
};

struct mw_proxy {
    enum mw_proxy_kind kind;
    unsigned short port;
    const char *name;     /* "http://proxy.test:3128", for people; the block that holds the texts */
    const char *host;     /* without brackets, in lower case; with the zone of an address */
    const char *user;     /* decoded; NULL: the URL has no user */
    const char *password; /* likewise; "" where it has only a user */
};

/* Reads "http://user:password@host:port", with percent-encoding in user and password, or with
 * "https://", "socks5://", "socks5h://" ("socks://" is the latter); without a scheme it is http.
 * The ports are 80, 443 and 1080 unless it names one. A path but "/" is refused. Returns NULL with
 * *p filled, or words for what is wrong, which show nothing of the text; "" without memory. */
const char *mw_proxy_read(struct mw_proxy *p, const struct mw_allocator *a, const char *text);
void mw_proxy_free(struct mw_proxy *p, const struct mw_allocator *a); /* a zeroed one is allowed */

static inline bool mw_proxy_is_socks(const struct mw_proxy *p)
{
    return p->kind == MW_PROXY_SOCKS5 || p->kind == MW_PROXY_SOCKS5H;
}

/* Whether `list`, as of the variable no_proxy, has the host. Its entries stand between commas or
 * blanks: "example.com" and ".example.com" and "*.example.com" are that host and all below it, with
 * ":8080" behind them at that port only; "192.0.2.1" and "2001:db8::1" (also in brackets) are
 * addresses, "192.0.2.0/24" and "2001:db8::/32" blocks of them; "*" is every host. */
bool mw_no_proxy(const char *list, const char *host, unsigned short port);

/* localhost, what ends in .localhost, and the addresses of the loopback. */
bool mw_is_loopback(const char *host);

#endif
