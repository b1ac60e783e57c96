/* moonwire.h: an HTTP runtime for C programs. The only header that is installed.
 * SPDX-License-Identifier: MIT
 *
 * A runtime (mw_runtime) owns a loop, its connections and its clocks. An exchange (mw_exchange) is
 * one request and its response. A server (mw_server) receives requests (mw_request) and answers
 * them. There is no global state: several runtimes live side by side, each on one thread.
 *
 *     static void done(mw_exchange *x, void *ud)
 *     {
 *         (void)ud;
 *         printf("%d %s\n", mw_exchange_status(x), mw_exchange_error_string(x));
 *         mw_exchange_free(x);
 *     }
 *
 *     mw_runtime *rt = mw_open(NULL);
 *     mw_options options = { .url = "http://127.0.0.1:8080/", .on_done = done };
 *     if (mw_exchange_start(rt, &options, NULL) != MW_OK)
 *         fputs(mw_message(rt), stderr);
 *     while (mw_poll(rt, 0) > 0)     // once per frame; returns what is still pending
 *         draw_frame();
 *     mw_close(rt);
 *
 * Rules that hold everywhere:
 * - Strings given to a call are copied before it returns; strings it returns belong to the object
 *   they were asked of.
 * - Callbacks run from mw_poll or mw_run (or from a borrowed loop), never from inside another call.
 * - Every time is in seconds, every size in bytes.
 * - Calls that can fail return MW_OK or a negative mw_result, and mw_message says what was wrong.
 */
#ifndef MOONWIRE_H
#define MOONWIRE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MW_API __attribute__((visibility("default")))
#else
#define MW_API
#endif

#define MW_VERSION "0.1.0"

typedef struct mw_runtime mw_runtime;
typedef struct mw_exchange mw_exchange;
typedef struct mw_download mw_download;
typedef struct mw_timer mw_timer;
typedef struct mw_server mw_server;
typedef struct mw_request mw_request;
typedef struct mw_connection mw_connection;
typedef struct mw_cookie_jar mw_cookie_jar;
typedef struct mw_agent mw_agent;
struct event_base; /* libevent's loop, for hosts that bring their own */

/* What a call of this library answers. */
typedef enum mw_result {
    MW_OK = 0,
    MW_EINVAL = -1,  /* misuse: an argument is wrong; nothing was done */
    MW_ENOMEM = -2,  /* no memory */
    MW_ESYSTEM = -3, /* the system refused (address in use, no descriptor left) */
    MW_ECLOSED = -4, /* the object or its peer is gone */
    MW_ELOOP = -5    /* the loop is already running: not allowed from a callback */
} mw_result;

/* What became of an exchange. The numbers are those of QNetworkReply::NetworkError. */
typedef enum mw_error {
    MW_NO_ERROR = 0,
    MW_CONNECTION_REFUSED_ERROR = 1,
    MW_REMOTE_HOST_CLOSED_ERROR = 2,
    MW_HOST_NOT_FOUND_ERROR = 3,
    MW_TIMEOUT_ERROR = 4,
    MW_OPERATION_CANCELLED_ERROR = 5,
    MW_SSL_HANDSHAKE_FAILED_ERROR = 6,
    MW_TEMPORARY_NETWORK_FAILURE_ERROR = 7,
    MW_NETWORK_SESSION_FAILED_ERROR = 8,
    MW_TOO_MANY_REDIRECTS_ERROR = 10,
    MW_INSECURE_REDIRECT_ERROR = 11,
    MW_UNKNOWN_NETWORK_ERROR = 99,
    MW_PROXY_CONNECTION_REFUSED_ERROR = 101,
    MW_PROXY_CONNECTION_CLOSED_ERROR = 102,
    MW_PROXY_NOT_FOUND_ERROR = 103,
    MW_PROXY_TIMEOUT_ERROR = 104,
    MW_PROXY_AUTHENTICATION_REQUIRED_ERROR = 105,
    MW_UNKNOWN_PROXY_ERROR = 199,
    MW_CONTENT_ACCESS_DENIED = 201,
    MW_CONTENT_OPERATION_NOT_PERMITTED_ERROR = 202,
    MW_CONTENT_NOT_FOUND_ERROR = 203,
    MW_AUTHENTICATION_REQUIRED_ERROR = 204,
    MW_CONTENT_RE_SEND_ERROR = 205,
    MW_CONTENT_CONFLICT_ERROR = 206,
    MW_CONTENT_GONE_ERROR = 207,
    MW_UNKNOWN_CONTENT_ERROR = 299,
    MW_PROTOCOL_UNKNOWN_ERROR = 301,
    MW_PROTOCOL_INVALID_OPERATION_ERROR = 302,
    MW_PROTOCOL_FAILURE = 399,
    MW_INTERNAL_SERVER_ERROR = 401,
    MW_OPERATION_NOT_IMPLEMENTED_ERROR = 402,
    MW_SERVICE_UNAVAILABLE_ERROR = 403,
    MW_UNKNOWN_SERVER_ERROR = 499
} mw_error;

/* The name of the constant without its prefix ("TIMEOUT_ERROR"), NULL for a number that is none. */
MW_API const char *mw_error_name(int error);

/* One constant of mw_error by its place in the list, for bindings that publish them all. Returns
 * its name and sets *error, or NULL past the end. */
MW_API const char *mw_error_at(size_t index, int *error);

/* ---- runtime ------------------------------------------------------------------------------- */

/* Changes the size of a block as realloc does; size 0 frees it and returns NULL. */
typedef void *(*mw_alloc_fn)(void *ud, void *block, size_t size);

/* Told of what nobody else can be told: an error with no exchange to carry it. */
typedef void (*mw_message_fn)(mw_runtime *rt, const char *message, void *ud);

#define MW_KEEP_SIGPIPE 0x1u /* mw_config.flags: leave SIGPIPE alone */

/* How to open a runtime. Zero (or NULL) everywhere means the default. Copied by mw_open. */
typedef struct mw_config {
    struct event_base *event_base; /* the host's loop, borrowed until mw_close; NULL: an own one */
    const char *engine;            /* by name, see mw_engine_at; NULL: the default */
    mw_message_fn on_error;        /* NULL: prints to stderr */
    void *ud;                      /* handed to on_error and alloc */
    mw_alloc_fn alloc;             /* NULL: realloc and free. What libevent, OpenSSL and libzstd
                                      need does not go through it; the first two have hooks of
                                      their own */
    unsigned flags;                /* MW_KEEP_SIGPIPE */
    const char *resolv_conf;       /* name servers; NULL: /etc/resolv.conf */
    const char *hosts_file;        /* NULL: /etc/hosts */
    const char *keylog_file;       /* a file for the secrets of TLS, as SSLKEYLOGFILE is for others;
                                      NULL: none, whatever the environment says */
    unsigned max_connections;      /* of the client's, idle ones too; what is above waits for its
                                      turn, by queue_timeout, not connect_timeout. Default 1024 */
    unsigned max_connections_per_origin; /* to one host and port; default 256. An engine without a
                                            pool of its own has neither limit */
    const struct mw_policy
        *policy; /* what requests may do; NULL: everything, until mw_policy_set */
} mw_config;

/* Opens a runtime. `config` may be NULL. Returns NULL when there is no memory, or when the engine
 * is unknown, or keylog_file cannot be opened. Where SIGPIPE has its default action it is set to be
 * ignored, since a peer that closes early would end the process; MW_KEEP_SIGPIPE leaves that to the
 * host.
 *
 * A host with a loop of its own need not call mw_poll: as it turns the loop (event_base_dispatch,
 * event_base_loop), the callbacks run from there. From mw_open to mw_close the runtime keeps events
 * on the loop, even with nothing pending; event_base_dispatch therefore does not return by itself
 * in that time. End it with event_base_loopbreak, or by mw_close from an event of the host's own;
 * or call mw_run, which returns when nothing of the runtime's is pending. From inside the host's
 * loop mw_poll and mw_run must not be called: libevent refuses, and they return MW_ELOOP. */
MW_API mw_runtime *mw_open(const mw_config *config);

/* Closes a runtime and everything it owns: exchanges, timers, servers and their connections. Calls
 * no callback. Every handle of it is dead afterwards. NULL is allowed. Must not be called from a
 * callback of the runtime. */
MW_API void mw_close(mw_runtime *rt);

/* Runs what is ready and returns. Waits at most `seconds` for something to happen (0: not at all,
 * negative: as long as it takes while anything is pending). Returns the number of things pending
 * (exchanges, timers, listening servers, requests being answered, connections), or MW_ELOOP from a
 * callback. */
MW_API int mw_poll(mw_runtime *rt, double seconds);

/* Runs until nothing is pending or mw_stop was called. Returns MW_OK or MW_ELOOP. */
MW_API int mw_run(mw_runtime *rt);

/* Makes mw_run and a waiting mw_poll return soon. The one call that is safe from a signal handler
 * and from another thread. */
MW_API void mw_stop(mw_runtime *rt);

/* The number of things pending. */
MW_API int mw_pending(const mw_runtime *rt);

/* The loop, own or borrowed. */
MW_API struct event_base *mw_event_base(mw_runtime *rt);

/* Words for the last call on this runtime that did not return MW_OK; "" before any. */
MW_API const char *mw_message(const mw_runtime *rt);

/* Seconds of a clock that never jumps; its zero means nothing. */
MW_API double mw_now(void);

/* ---- engines ------------------------------------------------------------------------------- */

/* The engine is who speaks HTTP on the wire. docs/engines.md compares them. One is chosen as the
 * runtime is opened, by mw_config.engine. (The command and the Lua module ask the environment,
 * MOONWIRE_ENGINE; this library does not.) */

/* The names of the engines in this build, "evhttp" and its like, the default first; NULL past the
 * end. */
MW_API const char *mw_engine_at(size_t index);

/* The name of the one that the runtime uses. */
MW_API const char *mw_engine_name(const mw_runtime *rt);

/* Whether that one can do what not every engine can: 1 or 0; MW_EINVAL for a word that
 * mw_capability_at does not list. Asked for what its engine cannot do, an exchange ends with
 * MW_PROTOCOL_INVALID_OPERATION_ERROR, a call fails with MW_EINVAL; nothing is half done.
 *
 *     stream_upload   send a body as it is made, in chunks where nobody knows its length
 *     upgrade         hand over the connection behind 101, or behind 2xx to CONNECT
 *     stream_request  as a server: hand over a request before its body is in (mw_listen.stream)
 *     interim         tell of 102, 103 and their like, and send them
 *     be_strict       refuse every message whose framing is malformed
 *     any_method      send and take methods beyond those that are registered
 *     drain           stop a server while what it has begun is finished
 *     trailers        fields behind a body in chunks
 *     connect_anyhow  connect to a socket's file, or from a chosen address
 *     proxy           go through a proxy
 *     agent           keep the connections of an agent apart (mw_agent_new) */
MW_API int mw_engine_can(const mw_runtime *rt, const char *capability);

/* These words one by one; NULL past the end. */
MW_API const char *mw_capability_at(size_t index);

/* ---- policy -------------------------------------------------------------------------------- */

/* What the requests of a runtime may do, for hosts that run scripts of others. Zero everywhere
 * allows everything. What it refuses ends with MW_CONTENT_ACCESS_DENIED before a byte was sent.
 * Redirects are judged like first requests, addresses after the look-up, also those that a script
 * gives. */
typedef struct mw_policy {
    const char *schemes;  /* "https" or "http, https"; NULL: both */
    const char *hosts;    /* "api.example.com, *.example.org, 192.0.2.1": the only ones; "*." stands
                             for one label or more. NULL: any */
    const char *ports;    /* "443, 8000-8999": the only ones; NULL: any */
    int public_only;      /* 1: no address but of the public internet. Names that a proxy looks up
                             are its own affair */
    const char *networks; /* "10.1.0.0/16": but for these. The file of a socket is allowed where
                             neither hosts nor ports nor public_only are set */
    uint64_t max_requests;   /* that are sent in all, redirects and retries too; 0: no limit */
    unsigned max_concurrent; /* under way at once; 0: no limit */
    uint64_t max_sent;       /* bytes of request bodies in all; 0: no limit */
    uint64_t max_received;   /* bytes of response bodies in all, as they came; 0: no limit */
    int no_servers;          /* 1: mw_server_listen fails with MW_EINVAL */
} mw_policy;

/* Sets the policy, which is copied. Only once: nothing can lift it, and a second call returns
 * MW_EINVAL, as does a list that is malformed. MW_ENOMEM. */
MW_API int mw_policy_set(mw_runtime *rt, const mw_policy *policy);

/* What was used so far of its quotas. */
typedef struct mw_usage {
    uint64_t requests, sent, received;
    unsigned concurrent;
} mw_usage;
MW_API mw_usage mw_policy_usage(const mw_runtime *rt);

/* ---- timers -------------------------------------------------------------------------------- */

typedef void (*mw_timer_fn)(mw_timer *timer, void *ud);

/* Calls fn after `seconds`, then, if `repeat`, again after each further `seconds`. A timer counts
 * as pending until it has fired (not repeating) or is freed. The caller frees it, also from inside
 * fn. Returns NULL without memory. */
MW_API mw_timer *mw_timer_start(mw_runtime *rt, double seconds, int repeat, mw_timer_fn fn,
                                void *ud);
MW_API void mw_timer_free(mw_timer *timer); /* stops it; NULL is allowed */

/* ---- exchanges (client) -------------------------------------------------------------------- */

typedef struct mw_header {
    const char *name;
    const char *value;
} mw_header;

/* Progress of the request body: `sent` bytes of `total`, which may be MW_UNKNOWN. */
typedef void (*mw_sent_fn)(mw_exchange *x, uint64_t sent, uint64_t total, void *ud);
typedef void (*mw_exchange_fn)(mw_exchange *x, void *ud);

/* A head of 1xx has come, which is not the last: 100, 103. Its fields can be asked for in here. */
typedef void (*mw_interim_fn)(mw_exchange *x, int status, void *ud);

/* A clock that is off. (Zero means the default.) */
#define MW_NEVER (-1.0)

/* A length that only the end will tell. */
#define MW_UNKNOWN UINT64_MAX

/* Gives the next piece of a request's body: writes at most `size` bytes, at least one, and returns
 * how many; 0 at the end. MW_READ_AGAIN: there is nothing yet; mw_exchange_resume must follow, and
 * the clock idle_timeout stands still until then, or until the head of the reply is there.
 * MW_READ_FAILED ends the exchange with MW_UNKNOWN_CONTENT_ERROR; mw_exchange_fail_body, called
 * before, gives it words. It is called from the loop, a little ahead of what has been sent and
 * never while much waits for the server. It may cancel x; where it has freed x it must not write
 * any more. */
#define MW_READ_AGAIN (-1)
#define MW_READ_FAILED (-2)
typedef ptrdiff_t (*mw_read_fn)(mw_exchange *x, void *bytes, size_t size, void *ud);

/* Makes the function begin again, because the body must be sent a second time. Returns MW_OK; with
 * anything else the exchange ends. */
typedef int (*mw_rewind_fn)(mw_exchange *x, void *ud);

/* A redirect leads to `url`, which may have a fragment: 1 follows it, with 0 the reply counts. Its
 * status and headers can be
 * asked for in here. It may cancel and free x. */
typedef int (*mw_redirect_fn)(mw_exchange *x, const char *url, void *ud);

/* The value of Authorization is wanted: for the first request (mw_exchange_status is 0), and again
 * with each 401, whose fields can be asked for in here, while another value may help. What is
 * signed of mw_exchange_url ends before a "#": a fragment is not sent. mw_exchange_authorize
 * answers, in here or later. It may cancel and free x. */
typedef void (*mw_auth_fn)(mw_exchange *x, void *ud);

/* For mw_options.max_redirects. */
#define MW_NO_REDIRECTS (-1)
#define MW_NO_RETRIES (-1) /* for retry_connects and its kin */

/* For mw_options.retry_flags. */
#define MW_RETRY_REDIRECTS 0x1u /* redirects count as well; one too many is a reply like others */
#define MW_RETRY_AT_ONCE 0x2u   /* no wait before the first */
#define MW_RETRY_NO_JITTER 0x4u /* nothing of a wait is by chance */
#define MW_RETRY_OWN_PACE 0x8u  /* Retry-After is not heeded */
#define MW_RETRY_WHERE_ASKED 0x10u /* after 413, 429 and 503 with Retry-After as well */

/* Addresses to connect to in the place of a look-up. TLS and Host still have the name. */
typedef struct mw_resolve {
    const char *host;      /* as in the URL, whatever its case; an IPv6 address without brackets */
    int port;              /* 0: any */
    const char *addresses; /* numeric, in the order in which to try them: "127.0.0.1,::1" */
} mw_resolve;

/* How a user and a password are shown (RFC 7617, RFC 7616). */
typedef enum mw_auth_scheme {
    MW_AUTH_DEFAULT = 0, /* Basic with the first request; Digest where the server asks for that */
    MW_AUTH_BASIC,       /* Basic with the first request, and nothing else */
    MW_AUTH_DIGEST,      /* Digest, once the server asks for it; the password is never sent */
    MW_AUTH_ANY          /* nothing before the server asks; then the strongest of what it takes */
} mw_auth_scheme;

/* What to ask for. Zero everywhere means the default. Copied by mw_exchange_start. */
typedef struct mw_options {
    const char *method;   /* NULL: "GET" */
    const char *url;      /* "https://example.com/path?query"; or, where NULL, the parts: */
    const char *protocol; /* "http", "https:"; NULL: "http" */
    const char *hostname; /* "example.com", "127.0.0.1", "::1", "[::1]" or "fe80::1%eth0", whose
                             zone is not sent; in a URL it is "[fe80::1%25eth0]" */
    const char *path;     /* NULL: "/" */
    const char *query;    /* without the "?" */
    int port;             /* 0: 80, or 443 for https */
    const mw_header *headers;
    size_t header_count;
    const void *body;      /* NULL: none (and no Content-Length, but for POST, PUT and PATCH) */
    uint64_t body_length;  /* of the three below as well; 0: a file to its end, a function until it
                              ends, in chunks (Transfer-Encoding) */
    const char *body_file; /* or the name of a regular file; one that cannot be read is an
                              error of the exchange */
    const int *body_fd;    /* or the descriptor of one, which is duplicated */
    uint64_t body_offset;  /* where the body begins in the file */
    mw_read_fn read_body;  /* or a function; one that gives less or more than body_length
                              (or the Content-Length in headers) ends the exchange */
    mw_rewind_fn rewind_body;  /* NULL: what the function gave cannot be sent a second time */
    int expect_continue;       /* 1: adds "Expect: 100-continue" where there is a body */
    double expect_timeout;     /* how long the body then waits for the server's word; default 1 */
    double queue_timeout;      /* waiting for its turn to connect, where max_connections or
                                  max_connections_per_origin are reached; default MW_NEVER */
    double connect_timeout;    /* look-up, connection and TLS handshake together; default 30 */
    double resolve_timeout;    /* of these, the look-up alone; default MW_NEVER */
    double tls_timeout;        /* and the handshake alone; default MW_NEVER */
    double first_byte_timeout; /* from the request's last byte to the reply's first; default
                                  MW_NEVER */
    double idle_timeout;       /* nothing sent or received; default 60 */
    double total_timeout;      /* from start to end; default MW_NEVER */
    size_t max_head_size;      /* of the response; default 64 KiB */
    uint64_t max_body_size;    /* default 256 MiB; decoded, where it is to be decoded */
    int keep_encoded;          /* 1: asks for no content coding, and leaves a body that has one as
                                  it comes. Else "Accept-Encoding: gzip, deflate, br, zstd" is
                                  sent, unless there is such a field among the headers, or Range,
                                  and what came with these codings is decoded */
    size_t read_buffer_size;   /* stop reading the socket while this much waits; 0: never */
    int insecure;              /* 1: take any certificate */
    const char *ca_file;       /* PEM file of authorities; NULL: the system's store */

    /* More of https. The authorities that are given add up, and stand in place of the system's. */
    const char *ca_path;   /* a folder of PEM files of authorities, named by hash (c_rehash) */
    const char *ca_data;   /* PEM text of authorities */
    const char *cert_file; /* PEM: our own certificate and its chain, for servers that ask */
    const char *key_file;  /* PEM: its private key; NULL: in cert_file */
    const char *pins; /* "sha256//BASE64;sha256//…": digests of public keys, one of which must be
                         the server's, also where insecure is set */

    /* Where to connect to, if not to the addresses of the host. The last two are for engines with
     * the capability connect_anyhow. */
    const mw_resolve *resolve; /* the first entry that fits counts */
    size_t resolve_count;
    const char *local_address; /* numeric: connect from there */
    const char *unix_path;     /* a socket's file, in the place of host and port */

    mw_agent *agent; /* whose connections serve it, on engines with the capability agent; it may be
                        freed before the exchange. NULL: everybody's */

    mw_cookie_jar *cookies; /* each reply's Set-Cookie goes in, and each request takes along what is
                               for its URL; in one field with the user's own Cookie, which stands
                               behind, and goes to the first origin alone. The jar is kept until
                               the exchange has ended. NULL: none */

    /* Redirects: followed as RFC 9110, 15.4 has it. POST becomes GET with 301 and 302, other
     * methods too with 303; 307 and 308 send the body again (MW_CONTENT_RE_SEND_ERROR where it
     * cannot be read again). From https to http ends in MW_INSECURE_REDIRECT_ERROR. Authorization,
     * Cookie, Host and the client's certificate do not go to another origin. */
    int max_redirects; /* 0: 50; MW_NO_REDIRECTS: each is a reply like others. One more than that
                          ends in MW_TOO_MANY_REDIRECTS_ERROR */
    mw_redirect_fn on_redirect; /* asked before each; NULL: all are followed */

    /* Trying again: after a failure that may pass (connection, look-up, clocks but for the total,
     * a peer that closes) and after some statuses, as long as nobody was told of a head. */
    int retries;          /* at most so many times; 0: never */
    double retry_backoff; /* the wait before the first; each later one is twice as long, and half of
                             each is by chance; default 0.5. Retry-After counts instead where the
                             server says it */
    double retry_most_wait;    /* a longer one is not waited for; default 120 */
    const int *retry_statuses; /* NULL: 429, 502, 503 and 504 */
    size_t retry_status_count;
    int retry_any_method; /* 1: methods that are not idempotent as well; else only when they have
                             never been sent */
    const char *retry_methods; /* in the place of the idempotent ones: "GET, PUT"; NULL: those */
    /* How many of `retries` may follow failures before the request was sent, failures after that,
     * and statuses. 0: no limit of its own; MW_NO_RETRIES: none. */
    int retry_connects, retry_reads, retry_replies;
    double retry_most_after; /* the longest Retry-After that is waited for; default retry_most_wait
                              */
    unsigned retry_flags;    /* MW_RETRY_... */

    /* Names of fields that, like Authorization, no redirect takes to another origin: "X-Key,
     * X-Other". NULL: none. */
    const char *secret_headers;

    /* Credentials, for the origin (scheme, host and port) that is asked for: no redirect takes them
     * elsewhere. An Authorization among `headers` stands in place of them all; next comes what is
     * given here, of which there may be one only; then a user in the URL, "http://user:password@
     * host/", percent-encoded; then netrc_file. A 401 that they could not help against is the
     * reply, with MW_AUTHENTICATION_REQUIRED_ERROR. */
    const char *auth_user;      /* NULL: none; control characters are refused, and, but for
                                   MW_AUTH_DIGEST, ":" */
    const char *auth_password;  /* NULL: "" */
    const char *auth_bearer;    /* or a token (RFC 6750) */
    mw_auth_fn on_auth;         /* or a function that is asked for the field's value */
    int no_auth;                /* 1: none at all, not even the URL's */
    mw_auth_scheme auth_scheme; /* of a user, wherever he comes from */
    const char *netrc_file;     /* users and passwords by host, asked for each host that redirects
                                   lead to as well; for a user in the URL without a password, too */
    int netrc_optional;         /* 1: the file need not be there */
    /* For a server in the process (mw_listen.origin) that asks others in the name of its client:
     * the request that it was asked. This one goes below that server, as mw_request_pass_on would,
     * and with the client's options of https in the place of those above. It does not change the
     * request, which is still to be answered. */
    const mw_request *forward;

    /* Through which proxy, for engines with the capability proxy:
     * "http://user:password@host:port", "https://…" (TLS with the proxy), "socks5://…" (names are
     * looked up here) or "socks5h://…" (by the proxy); user and password are percent-encoded and
     * may be missing, as the port may (80, 443, 1080). "": none. NULL: what the environment says in
     * http_proxy, https_proxy and all_proxy, but for the hosts of no_proxy and this machine's own;
     * it is read at the runtime's first request. Plain http goes to an http proxy as it is, all
     * else through a tunnel. Credentials are shown to the proxy alone, as Basic, or as Digest once
     * it asks for that. With unix_path there is none. */
    const char *proxy;
    const char *no_proxy; /* hosts that are reached without it: "example.com,10.0.0.0/8,[::1]:80",
                             those below them, too; "*": all. NULL: with `proxy` none, with the
                             environment's the variable no_proxy */
    const mw_header *proxy_headers; /* more fields for an http proxy, which the host never sees */
    size_t proxy_header_count;
    const char *proxy_ca_file; /* PEM file of authorities for https proxies; NULL: the system's */
    int proxy_insecure;        /* 1: take any certificate of theirs */

    /* Callbacks, each of which may be NULL, in the order in which they are called. */
    mw_sent_fn on_sent;       /* request body moved on; never without one */
    mw_interim_fn on_interim; /* each head of 1xx, on engines that tell of them */
    mw_exchange_fn on_head;   /* status and headers are known */
    mw_exchange_fn on_body;   /* more of the body can be read */
    mw_exchange_fn on_done;   /* exactly once, with or without an error; x may be freed in it */
    void *ud;
} mw_options;

/* Starts an exchange. No callback runs before control is back in the loop. The handle belongs to
 * the caller until mw_exchange_free (also given as the first argument of every callback; `out` may
 * be NULL where on_done frees it). Returns MW_EINVAL, with mw_message naming the argument, when
 * the request could not be sent as HTTP; what fails later arrives in on_done. */
MW_API int mw_exchange_start(mw_runtime *rt, const mw_options *options, mw_exchange **out);

/* Frees an exchange; one still in flight is cancelled and calls nothing any more. NULL is allowed.
 * The memory of 512 at most, 2 KiB each as a rule, is kept for later ones until mw_close. */
MW_API void mw_exchange_free(mw_exchange *x);

/* Ends an exchange with MW_OPERATION_CANCELLED_ERROR; on_done follows from the loop. Does nothing
 * once on_done was called. */
MW_API void mw_exchange_cancel(mw_exchange *x);

/* The function of read_body is to be asked again: after MW_READ_AGAIN, once there is more. Calls
 * nobody by itself. */
MW_API void mw_exchange_resume(mw_exchange *x);

/* Ends an exchange because what its function read from has failed, for which `words` are the
 * reason. Does nothing where the body is no function's, or the exchange has ended. */
MW_API void mw_exchange_fail_body(mw_exchange *x, const char *words);

/* What on_auth was asked for: "Bearer …", or NULL for nothing, with which a 401 is the reply. Once
 * for each time it is called; until then nothing is sent, and of the clocks only total_timeout
 * runs. MW_EINVAL: nobody has asked, or a byte is not allowed in a field. Does nothing once x has
 * ended. */
MW_API int mw_exchange_authorize(mw_exchange *x, const char *value);

MW_API int mw_exchange_finished(const mw_exchange *x); /* 1 as soon as on_done is being called */
MW_API int mw_exchange_status(const mw_exchange *x);   /* 200, 404…; 0 until the head is in */
MW_API const char *mw_exchange_reason(const mw_exchange *x); /* as the server sent it, "" if not */
MW_API const char *mw_exchange_url(const mw_exchange *x);    /* what is fetched, normalised,
                                                                with the fragment that was given */

/* The requests that were sent before the one whose reply counts: those that were redirected, or
 * tried again. */
typedef struct mw_past {
    const char *why; /* what followed: "redirect", "authenticate", "retry" */
    const char *method, *url;
    int status;         /* 0: there was no reply, */
    int error;          /* but this mw_error */
    const char *reason; /* "" if there was none */
    const mw_header *headers;
    size_t header_count;
} mw_past;

/* The oldest is 0. Fills *past, which belongs to x, and returns 1; 0 past the end. */
MW_API size_t mw_exchange_history_count(const mw_exchange *x);
MW_API int mw_exchange_history_at(const mw_exchange *x, size_t index, mw_past *past);

/* How long each part took, in seconds; 0 for what did not happen. All but `total` are of the
 * request whose reply counts, the last one. */
typedef struct mw_timings {
    double queue;      /* waiting for its turn to connect */
    double resolve;    /* the look-up */
    double connect;    /* until there was a connection */
    double proxy;      /* what was said to a proxy */
    double tls;        /* the handshake */
    double send;       /* the request, with its body */
    double first_byte; /* from there to the reply's first byte */
    double body;       /* from its head to its end */
    double total;      /* from the start to the end, redirects and waits included */
    int reused;        /* 1: the connection had served before */
    int attempts;      /* requests that were sent, or tried */
} mw_timings;
MW_API mw_timings mw_exchange_timings(const mw_exchange *x);

/* Header fields of the response in the order in which they came. */
MW_API size_t mw_exchange_header_count(const mw_exchange *x);
MW_API mw_header mw_exchange_header_at(const mw_exchange *x, size_t index);

/* The first field of that name, whatever its case; NULL if there is none. */
MW_API const char *mw_exchange_header(const mw_exchange *x, const char *name);

/* For on_interim alone: the fields of the head that it tells of. */
MW_API size_t mw_exchange_interim_header_count(const mw_exchange *x);
MW_API mw_header mw_exchange_interim_header_at(const mw_exchange *x, size_t index);
MW_API const char *mw_exchange_interim_header(const mw_exchange *x, const char *name);

/* Fields behind a body in chunks; none before its end, or where the engine does not read them. They
 * are not among the header fields: a server must not smuggle in with them what it had not said. */
MW_API size_t mw_exchange_trailer_count(const mw_exchange *x);
MW_API mw_header mw_exchange_trailer_at(const mw_exchange *x, size_t index);
MW_API const char *mw_exchange_trailer(const mw_exchange *x, const char *name);

/* 1 from on_head on where the body is decoded, or that of a GET would be (RFC 9110, 8.4):
 * Content-Encoding and Content-Length, which stay as the server sent them, then tell of what came
 * on the wire, not of what is read. A body with a coding that is not known is left as it came, and
 * so is a part (206). Codings that are cut off or corrupt, more than 5 of them, or more than
 * max_body_size decoded bytes end the exchange with MW_UNKNOWN_CONTENT_ERROR in the phase "decode".
 */
MW_API int mw_exchange_decoded(const mw_exchange *x);

/* Body bytes received so far, and how many there will be (-1 while that is not known): as they come
 * on the wire, before they are decoded. */
MW_API uint64_t mw_exchange_received(const mw_exchange *x);
MW_API int64_t mw_exchange_total(const mw_exchange *x);

/* The part of the body that waits to be read. `read` takes at most `size` bytes out, `peek` copies
 * them; both return how many. `line` is the length of the first line with its "\n", 0 if no whole
 * line waits. Reading makes room: a socket that was paused by read_buffer_size is read again. */
MW_API size_t mw_exchange_available(const mw_exchange *x);
MW_API size_t mw_exchange_read(mw_exchange *x, void *bytes, size_t size);
MW_API size_t mw_exchange_peek(const mw_exchange *x, void *bytes, size_t size);
MW_API size_t mw_exchange_line(mw_exchange *x);
/* What waits, without a copy: the bytes at its front that lie in one piece, whose length goes to
 * *length (0: nothing waits). They stay until the next call that reads, or the loop turns; skip
 * throws away so many bytes, which count as read. */
MW_API const void *mw_exchange_front(const mw_exchange *x, size_t *length);
MW_API void mw_exchange_skip(mw_exchange *x, size_t length);
MW_API void mw_exchange_drop(mw_exchange *x); /* throws away what waits */

/* How much may wait to be read before the socket is read no further; 0: no limit. */
MW_API size_t mw_exchange_read_buffer_size(const mw_exchange *x);
MW_API void mw_exchange_set_read_buffer_size(mw_exchange *x, size_t size);

/* Where a failed exchange failed, and all that is known of it. */
typedef struct mw_detail {
    const char *phase; /* "resolve", "connect", "proxy", "tls", "send", "head", "body", "decode" */
    int system_errno;  /* 0 if the system reported none */
    const char *address; /* the peer's, "127.0.0.1:80"; "" if none was known */
    const char *tls;     /* OpenSSL's reason, "" if none */
    int tls_depth;       /* the certificate that failed: 0 is the server's own; -1 if none */
    const char *tls_subject;
    const char *clock; /* "queue", "resolve", "connect", "tls", "first_byte", "idle" or "total", if
                          one of them ran out, else "" */
    int attempt; /* 1, or 2 where an idle connection had died and the request was sent again */
} mw_detail;

MW_API int mw_exchange_error(const mw_exchange *x); /* mw_error; of a 4xx or 5xx status as well */
MW_API const char *mw_exchange_error_string(const mw_exchange *x); /* "" if there is none */
MW_API mw_detail mw_exchange_detail(const mw_exchange *x);

/* Once an exchange that upgraded has finished (status 101, or 2xx to CONNECT; no error): its
 * connection, which is the caller's from then on. NULL, with mw_message set, where there is none,
 * or none any more. One that nobody takes is closed with the exchange. */
MW_API mw_connection *mw_exchange_take_connection(mw_exchange *x);

/* ---- downloads ----------------------------------------------------------------------------- */

/* A file fetched to a place on the disk, which it takes only once it is whole. Until then it is
 * PATH.part beside it, locked, with PATH.part.note, which says what version of what it is part of.
 * One that breaks off is kept, and a later download of the same URL to the same path goes on where
 * it ended, if the server has the same version still (RFC 9110: Range, If-Range). It needs a strong
 * ETag, or a Last-Modified a second older than Date; without either it begins anew.
 *
 * Writing blocks the loop, by at most 256 KiB in a turn, and so does the sync at the end. Memory is
 * constant: read_buffer_size is set. */

/* Where it stands: `received` bytes of the file are there, those of an earlier download included,
 * of `total` or MW_UNKNOWN; `rate` is in bytes per second over the last seconds; `eta` is how many
 * seconds are left, -1 where that cannot be told. */
typedef struct mw_progress {
    uint64_t received, total;
    double rate, eta;
} mw_progress;
typedef void (*mw_progress_fn)(mw_download *d, const mw_progress *progress, void *ud);
typedef void (*mw_download_fn)(mw_download *d, void *ud);

/* Zero means the default. Copied by mw_download_start. */
typedef struct mw_download_options {
    const mw_options *request; /* what to get. Its method is GET, and it has no body; its callbacks
                                  and read_buffer_size are not used; its fields must not hold Range
                                  or If-Range; max_body_size is of the file, by default none */
    const char *path;
    int no_resume;      /* 1: an earlier part does not count */
    int no_overwrite;   /* 1: that the path exists is an error; otherwise the file there is replaced
                           by the whole one, in one step. Devices and folders never are */
    int mode;           /* of the file, to 0777; 0: what the umask leaves of 0666 */
    const char *sha256; /* 64 hexadecimal digits which the file must come to */
    int hash;           /* 1: find mw_download_sha256 even where none is expected */
    int keep_coding;    /* 1: what the server sends with a Content-Encoding, although asked not to,
                           is the file as it comes; otherwise it is an error */
    mw_progress_fn on_progress; /* at most ten times a second, and at the end */
    mw_download_fn on_done;     /* exactly once; d may be freed in it */
    void *ud;
} mw_download_options;

/* Starts a download. No callback runs before control is back in the loop. The handle belongs to the
 * caller until mw_download_free (it is given to each callback; `out` may be NULL where on_done
 * frees it). MW_EINVAL for misuse; what goes wrong with the disk or the server arrives in on_done.
 */
MW_API int mw_download_start(mw_runtime *rt, const mw_download_options *options, mw_download **out);

/* Frees it; one under way is cancelled and calls nothing any more. NULL is allowed. */
MW_API void mw_download_free(mw_download *d);

/* Ends it with the code "operation_cancelled"; on_done follows from the loop, and what has come is
 * kept to go on with. Does nothing once on_done was called. */
MW_API void mw_download_cancel(mw_download *d);

MW_API int mw_download_finished(const mw_download *d); /* 1 as soon as on_done is being called */

/* What became of it: "" where the file is in its place, or a short word:
 *
 *     no_space, no_access, no_folder, not_a_file, io   the disk, or what is in the way on it
 *     exists     there is a file, and no_overwrite was set
 *     busy       another download writes this path
 *     checksum   it is not what sha256 says; the part was removed
 *     bad_range, bad_coding, incomplete   the reply is none that a file could be made of
 *     no_memory
 *
 * or, for all else, the name of the exchange's error in small letters, without "_error":
 * "timeout", "content_not_found". `message` has words. */
MW_API const char *mw_download_code(const mw_download *d);
MW_API const char *mw_download_message(const mw_download *d);
MW_API int mw_download_errno(const mw_download *d); /* the system's number; 0 if it had none */

MW_API const char *mw_download_path(const mw_download *d);
MW_API uint64_t mw_download_size(const mw_download *d);         /* bytes that are there */
MW_API uint64_t mw_download_resumed_from(const mw_download *d); /* so many were there before */
MW_API const char *mw_download_sha256(const mw_download *d);    /* "" where it was not asked for */

/* Its exchange, for the status and the fields; NULL where the disk has refused before there was
 * one. It belongs to the download; `take`, once that has finished, makes it the caller's. */
MW_API mw_exchange *mw_download_exchange(const mw_download *d);
MW_API mw_exchange *mw_download_take_exchange(mw_download *d);

/* What was asked for: the first request, before any redirect. Valid until the exchange is freed. */
typedef struct mw_asked {
    const char *method, *url;
    const mw_header *headers; /* all that were sent, but for what was added on the way */
    size_t header_count;
    int has_body;
    uint64_t body_length;  /* MW_UNKNOWN where nobody knew */
    const void *body;      /* of one in memory, of 64 KiB at most; else NULL */
    const char *body_file; /* or the name of a file, */
    uint64_t body_offset;  /* and where it begins in there; both NULL and 0 otherwise */
    int insecure;
    const char *ca_file, *ca_path, *ca_data, *cert_file, *key_file, *pins; /* NULL: not given */
    const mw_resolve *resolve;
    size_t resolve_count;
    const char *local_address, *unix_path;
    double connect_timeout, total_timeout; /* MW_NEVER: off */
    int max_redirects;                     /* below 0: none are followed */
    int decode;                            /* 1: codings are taken off the reply */
    int credentials; /* 1: it had some; their Authorization is among the headers until the end */
    const char *proxy, *no_proxy, *proxy_ca_file; /* as given; user and password are "***" */
    int proxy_insecure;
} mw_asked;
MW_API mw_asked mw_exchange_asked(const mw_exchange *x);

/* ---- what happens on the way --------------------------------------------------------------- */

/* One thing that happened to an exchange. All of it is valid until the hook returns; what an event
 * does not tell is 0, "" or NULL. In the order of a plain exchange:
 *
 *     start         it was asked for
 *     queue         it waits for its turn to connect
 *     resolve       the look-up begins; where there is none, this is missing
 *     connect       the connection is begun; missing where there is one
 *     proxy, tls    likewise; on evhttp, connect stands for both
 *     send          the request goes out: headers, body (of one in memory), body_total
 *     interim       a head of 1xx: status, headers
 *     head          the head of a reply: status, reason, headers, total
 *     redirect      after this reply, or failure (status 0), another request follows:
 *     authenticate  next_method, next_url, after `wait` seconds; and how this one ended: status,
 *     retry         error, error_string, sent, received, timings
 *     done          the end, once for each exchange: the same, and the reply's body if that is
 *                   wanted and nobody has read of it yet */
typedef struct mw_trace_event {
    const char *what;
    uint64_t id; /* of the exchange: the runtime's first is 1 */
    int leg;     /* which request of it: 1, 2 … */
    double at;   /* mw_now */
    const char *method, *url;
    const char *address; /* the peer's, "127.0.0.1:80", where it is known */
    const mw_header *headers;
    size_t header_count;
    int status;
    const char *reason;
    int error; /* mw_error */
    const char *error_string;
    const char *next_method, *next_url;
    double wait;
    uint64_t sent, received; /* bytes of the bodies */
    int64_t total;           /* the length of the reply's body as its head tells it; -1: unknown */
    const void *body;
    size_t body_length;  /* body_limit at most, */
    uint64_t body_total; /* of so many; MW_UNKNOWN where only its end will tell */
    mw_timings timings;  /* of this leg */
} mw_trace_event;

/* Called from the loop, in the order of events; with "done" before the exchange's on_done. It may
 * do what other callbacks may, start exchanges too: their events are told as well, from the next
 * turn on. Events that were not told yet count as pending. */
typedef void (*mw_trace_fn)(mw_runtime *rt, const mw_trace_event *event, void *ud);

typedef struct mw_trace {
    mw_trace_fn fn;
    void *ud;
    int secrets;       /* 0: "***" stands in place of Authorization and its like, of the values of
                          cookies, and of user and password in URLs */
    size_t body_limit; /* bytes of bodies to tell of; 0: none */
} mw_trace;

/* Sets the hook, in place of the one before; NULL: there is none any more, and what was not told
 * yet is not told. Without one an exchange pays nothing for all this. */
MW_API void mw_trace_set(mw_runtime *rt, const mw_trace *how);

/* Tells now what waits, inside this call. MW_ELOOP from the hook itself. */
MW_API int mw_trace_flush(mw_runtime *rt);

/* ---- connections --------------------------------------------------------------------------- */

/* A connection that was upgraded to another protocol: bytes in, bytes out, plain or over TLS. It
 * counts as pending until it is closed, and has no clock: who minds silence closes it. */

/* Lets go of it: what was written still goes out, as long as the peer takes it (30 s without a byte
 * end that), and then it is closed. Nothing is called any more. NULL is allowed. */
MW_API void mw_connection_close(mw_connection *c);
MW_API void mw_connection_abort(mw_connection *c); /* the same at once: what was not sent is lost */

/* Calls fn from the loop whenever more has come, the peer has ended its side, the connection has
 * gone, or all that was written has been handed to the system. One at a time; fn NULL ends it. fn
 * may close the connection. */
typedef void (*mw_connection_fn)(mw_connection *c, void *ud);
MW_API void mw_connection_watch(mw_connection *c, mw_connection_fn fn, void *ud);

/* What has come and was not read: how much; `read` takes at most `size` bytes out and returns how
 * many; `line` is the length of the first line with its "\n", 0 if no whole line waits. */
MW_API size_t mw_connection_available(const mw_connection *c);
MW_API size_t mw_connection_read(mw_connection *c, void *bytes, size_t size);
MW_API size_t mw_connection_line(mw_connection *c);

/* How much may wait to be read before the socket is read no further; default 64 KiB, 0: no limit.
 */
MW_API size_t mw_connection_read_buffer_size(const mw_connection *c);
MW_API void mw_connection_set_read_buffer_size(mw_connection *c, size_t size);

/* Sends a copy of the bytes, behind what waits. MW_ECLOSED once the connection has gone. */
MW_API int mw_connection_write(mw_connection *c, const void *bytes, size_t length);

/* Bytes written that the system has not taken yet. A sender that keeps this small keeps memory
 * small; mw_connection_watch tells when it is 0. */
MW_API size_t mw_connection_pending(const mw_connection *c);

MW_API int mw_connection_ended(const mw_connection *c); /* 1: nothing more will come */
MW_API int mw_connection_gone(const mw_connection *c);  /* 1: nor will anything be sent */
MW_API int
mw_connection_error(const mw_connection *c); /* mw_error: why it has gone, if not in order */
MW_API const char *mw_connection_error_string(const mw_connection *c); /* "" if there is none */

/* ---- agents -------------------------------------------------------------------------------- */

/* An agent has connections of its own: they serve the requests that name it (mw_options.agent), and
 * no others, also where all else is equal; and they have limits of their own, beside the runtime's
 * in all. For parts of a program that are not to share connections, or not to take each other's. */
typedef struct mw_agent_options {
    unsigned max_connections_per_origin; /* what is above waits for its turn, by queue_timeout; 0:
                                            as of mw_config, for each agent by itself */
    unsigned max_idle_per_origin; /* are kept for later requests; 0: as many as become idle */
    unsigned max_idle_origins;    /* to so many, those used last, are idle ones kept; 0: to any. An
                                     origin is a scheme, a host and a port, with the same options of
                                     TLS, proxy and addresses */
} mw_agent_options;

/* `options` may be NULL. Returns NULL without memory. It is freed with the runtime, if not before.
 */
MW_API mw_agent *mw_agent_new(mw_runtime *rt, const mw_agent_options *options);
MW_API void mw_agent_close_idle(mw_agent *agent); /* those that serve no request just now */

/* Closes them, and those in use as soon as their requests are over; these end as they would have.
 * NULL is allowed. */
MW_API void mw_agent_free(mw_agent *agent);

/* ---- cookies ------------------------------------------------------------------------------- */

/* A jar keeps cookies by the letter of draft-ietf-httpbis-rfc6265bis: what replies set goes in, and
 * what the jar holds for a URL goes along with each request (mw_options.cookies). It belongs to no
 * runtime; one jar serves any number of exchanges, of several runtimes, too, on one thread.
 *
 * - A Domain that is a public suffix ("co.uk", by libpsl's list) is refused.
 * - Secure cookies are set and sent by https, and by http to this very machine: "localhost", ::1
 *   and 127.0.0.0/8.
 * - SameSite is kept and keeps nothing from being sent: a program has no pages, and so its requests
 *   are all top-level ones. Partitioned is not known. HttpOnly is kept; it hides nothing from here.
 * - A cookie lives for 400 days at most. A domain may have 50, the jar 3000: above that goes what
 *   was not sent for longest; of one domain first what is not Secure. */

/* A cookie as the jar keeps it. All is valid until the jar is changed. */
typedef struct mw_cookie {
    const char *name; /* one of these two may be "" */
    const char *value;
    const char *domain;    /* in lower case, without a first dot */
    const char *path;      /* begins with "/" */
    const char *same_site; /* "Strict", "Lax", "None"; "" where that was not said */
    int64_t expires;       /* seconds since 1970; 0: with the session, which the jar is */
    int64_t created;       /* seconds since 1970; a new value does not change it */
    int host_only;         /* 1: for that very host; 0: and for all below it */
    int secure, http_only; /* 1: yes */
} mw_cookie;

/* A new jar, in memory of `alloc` (which must live as long) or, where that is NULL, of the C
 * library's. Returns NULL without memory. */
MW_API mw_cookie_jar *mw_cookie_jar_new(mw_alloc_fn alloc, void *ud);

/* Lets go of it. It is freed once no exchange needs it any more, either. NULL is allowed. */
MW_API void mw_cookie_jar_free(mw_cookie_jar *jar);

/* Words for the last call on this jar that failed, or refused a cookie; "" before any. */
MW_API const char *mw_cookie_jar_message(const mw_cookie_jar *jar);

/* Treats the text as the Set-Cookie of a reply from that URL. Returns 1 where the cookie was taken
 * (one that has expired removes what it would replace), 0 where it is refused, for which
 * mw_cookie_jar_message has the reason; MW_EINVAL: no http or https URL; MW_ENOMEM. */
MW_API int mw_cookie_jar_set(mw_cookie_jar *jar, const char *set_cookie, const char *url);

/* What a request to that URL takes along, "a=b; c=d"; "" if that is nothing. It lives until the
 * next call on the jar. NULL: no http or https URL, or no memory. */
MW_API const char *mw_cookie_jar_header(mw_cookie_jar *jar, const char *url);

/* The same, one by one: how many, in the order in which they are sent (longer paths first, then by
 * age), or MW_EINVAL, MW_ENOMEM. mw_cookie_jar_selected gives them until the jar is changed or
 * asked for another URL; NULL past the end. */
MW_API int mw_cookie_jar_select(mw_cookie_jar *jar, const char *url);
MW_API const mw_cookie *mw_cookie_jar_selected(const mw_cookie_jar *jar, size_t index);

/* How many it holds that have not expired; and these in the order in which they were created: the
 * one behind `after`, or the first where that is NULL; NULL past the last. */
MW_API size_t mw_cookie_jar_count(mw_cookie_jar *jar);
MW_API const mw_cookie *mw_cookie_jar_next(mw_cookie_jar *jar, const mw_cookie *after);

/* Removes those that have all of these; NULL fits all. Returns how many it has removed. */
MW_API size_t mw_cookie_jar_remove(mw_cookie_jar *jar, const char *domain, const char *path,
                                   const char *name);
MW_API void mw_cookie_jar_clear(mw_cookie_jar *jar);

/* Writes them in the format of Netscape, which curl and others read, to a file that only its owner
 * may read. It is written beside the old one and then takes its place: whatever fails, the old one
 * stays as it was. `session`: 0 leaves out the cookies without an expiry. The format has no place
 * for SameSite, for the age, nor for a tab in a name, path or value: such a cookie is left out.
 * Returns MW_OK, MW_ESYSTEM or MW_EINVAL (no regular file is there). */
MW_API int mw_cookie_jar_save(mw_cookie_jar *jar, const char *path, int session);

/* Adds what such a file holds to the jar. *loaded (may be NULL) is how many of it were taken;
 * *refused (may be NULL) how many lines are no cookie, or one that no server could have set; they
 * are passed over, as are silently those that have expired. Returns MW_OK, MW_ESYSTEM (it cannot be
 * read; the jar may hold a part of it), MW_EINVAL (no regular file) or MW_ENOMEM. */
MW_API int mw_cookie_jar_load(mw_cookie_jar *jar, const char *path, size_t *loaded,
                              size_t *refused);

/* ---- server -------------------------------------------------------------------------------- */

/* A request has arrived, with its whole body. It must be answered: mw_reply_head, then any number
 * of mw_reply_body, then mw_reply_end. That may happen later; a request dropped is never answered.
 */
typedef void (*mw_request_fn)(mw_server *server, mw_request *request, void *ud);

/* The certificate of one host, for a server of several. */
typedef struct mw_certificate {
    const char *host;      /* "a.example"; or "*.example", which stands for one label */
    const char *cert_file; /* PEM: its certificate and chain */
    const char *key_file;  /* PEM: its private key; NULL: in cert_file */
} mw_certificate;

/* How to listen. Zero everywhere means the default. Copied by mw_server_listen. */
typedef struct mw_listen {
    const char *host;       /* an address: "127.0.0.1" (default), "::1", "0.0.0.0" */
    int port;               /* 0: the system picks one; see mw_server_port */
    const char *unix_path;  /* a socket's file in place of host and port; it must not be there yet,
                               and goes with the server */
    int backlog;            /* connections that may wait to be taken; default 128 */
    const char *cert_file;  /* PEM: the server's certificate and its chain; makes it https */
    const char *key_file;   /* PEM: its private key; NULL: in cert_file */
    size_t max_head_size;   /* default 64 KiB */
    uint64_t max_body_size; /* default 16 MiB; a larger one gets 413 */
    double idle_timeout;    /* between requests, and for a client that reads nothing; default 60 */
    double header_timeout;  /* from a head's first byte to its last; default 30 */
    size_t min_rate;        /* bytes per second that a body must come at, after its first 5 s;
                               default 64; a slower client gets 408 */
    int reuse_port;         /* 1: several processes may listen here, and share the connections */
    int stream;             /* 1: on_request is called as soon as the head is in, and the body is
                               read as it comes: mw_request_read. MW_EINVAL where the engine
                               cannot */

    /* More of https, all of which needs cert_file. */
    const mw_certificate *certificates; /* for clients that ask for one of these hosts */
    size_t certificate_count;
    const char *client_ca_file; /* PEM: clients must show a certificate of one of these authorities;
                                   NULL: they are not asked for any */

    const char *origin; /* "https://api.example", or "*" for every one: no socket is opened, but
                           exchanges of this runtime with that origin come here. See below */

    mw_request_fn on_request;
    void *ud;
} mw_listen;

/* Servers in the process. One that has mw_listen.origin answers the exchanges of its own runtime
 * whose URL is of that origin: without a look-up, a connection or TLS, and with either engine. All
 * else is as on a wire: the order of events, the limits and clocks of the exchange, redirects, and
 * that neither side is faster than the other reads. So a program can be tested without the servers
 * that it talks to. What only sockets have (host, port, unix_path, certificates) is MW_EINVAL
 * beside an origin; the clocks of the server (idle_timeout, header_timeout, min_rate) stand still.
 * Nothing can be upgraded. Where several have the same origin the newest answers. */

/* Listens, from now on: connections wait in the backlog until the loop turns. *out is the caller's
 * until mw_server_free or mw_close; it counts as pending, or in the process, where nobody comes
 * from outside, only while it drains. Returns MW_EINVAL where an option is wrong, MW_ESYSTEM where
 * the system refuses the address, or a certificate cannot be read, and MW_ENOMEM; *out is then left
 * as it was, and mw_message says what was wrong. */
MW_API int mw_server_listen(mw_runtime *rt, const mw_listen *listen, mw_server **out);

/* One origin more for a server in the process. MW_EINVAL for another server, or for what is no
 * scheme, host and port. */
MW_API int mw_server_add_origin(mw_server *server, const char *origin);

/* Stops listening and cuts the server's connections. Requests that are still being answered stay
 * valid; answering them does nothing. NULL is allowed. */
MW_API void mw_server_free(mw_server *server);

/* Takes no connection more and closes those that are idle; requests that are being received or
 * answered come to their end, and their connections are closed behind them. fn is called from the
 * loop, once, when nothing is left; mw_server_free is the caller's still, then or earlier.
 * MW_EINVAL: the engine cannot do this, or it has been called before. */
typedef void (*mw_server_fn)(mw_server *server, void *ud);
MW_API int mw_server_drain(mw_server *server, mw_server_fn fn, void *ud);

/* The port that it listens on, also where the system picked it; 0 for a socket's file. */
MW_API int mw_server_port(const mw_server *server);

/* What the client sent. A request and all that these return are valid until mw_reply_end or
 * mw_reply_abort, which free it, or mw_close; also after the callback has returned, after
 * mw_reply_head, after mw_server_free, and when the client has gone. */
MW_API const char *mw_request_method(const mw_request *r); /* "GET" */
MW_API const char *mw_request_target(const mw_request *r); /* path and query, as sent */
MW_API const char *mw_request_peer(const mw_request *r);   /* the client's address without its port;
                                                              "" by a socket's file */

/* Of a server in the process: the URL that the client asked for, without its fragment; NULL
 * elsewhere. */
MW_API const char *mw_request_url(const mw_request *r);

/* Header fields in the order in which they came; {NULL, NULL} past the end. */
MW_API size_t mw_request_header_count(const mw_request *r);
MW_API mw_header mw_request_header_at(const mw_request *r, size_t index);

/* The first field of that name, whatever its case; NULL if there is none. */
MW_API const char *mw_request_header(const mw_request *r, const char *name);

/* The whole body, whose length goes to *length; no byte 0 follows it. May be NULL where the length
 * is 0. */
MW_API const void *mw_request_body(const mw_request *r, size_t *length);

/* Where the server streams: takes at most `size` bytes of what has come of the body; returns how
 * many. mw_request_watch tells when there is more. While much waits to be read the client is made
 * to wait. */
MW_API size_t mw_request_read(mw_request *r, void *bytes, size_t size);

/* How much waits to be read. */
MW_API size_t mw_request_available(const mw_request *r);

/* 1 once all of the body has come; what mw_request_read has not taken still waits. */
MW_API int mw_request_whole(const mw_request *r);

/* 1 once the client has gone: what is written is lost. */
MW_API int mw_request_gone(const mw_request *r);

/* Calls fn from the loop whenever the client has gone (mw_request_gone), all that was written has
 * been handed to the system (mw_reply_pending is 0), or more of a streamed body has come. One at a
 * time; fn NULL ends it. fn may end the answer. */
typedef void (*mw_request_watch_fn)(mw_request *request, void *ud);
MW_API void mw_request_watch(mw_request *r, mw_request_watch_fn fn, void *ud);

/* Sends a head of 1xx (not 101) before the answer, 103 for one; as often as need be. To a client of
 * HTTP/1.0, who does not know them, nothing is sent. MW_EINVAL: a bad status or header, an answer
 * already started, or an engine that cannot. MW_ECLOSED: the client has gone. */
MW_API int mw_reply_interim(mw_request *r, int status, const mw_header *headers,
                            size_t header_count);

/* Answers with 101 (200 to CONNECT), frees the request and gives its connection to the caller: what
 * follows is the protocol that `headers` names under Upgrade. r is dead where this returns MW_OK.
 * MW_EINVAL: no Upgrade among the headers, a bad header, an answer already started, a body that has
 * not been read to its end, or an engine that cannot. MW_ECLOSED: the client has gone. */
MW_API int mw_request_upgrade(mw_request *r, const mw_header *headers, size_t header_count,
                              mw_connection **out);

/* Starts the answer. `reason` NULL: the registered phrase. `length` is the body's, or -1 where it
 * is not known: it is then sent in chunks (to an HTTP/1.0 client until the end of the connection).
 * Bodies of HEAD, 204 and 304 are dropped. MW_EINVAL: a bad status, header name or value, or an
 * answer already started. MW_ECLOSED: the client has gone. */
MW_API int mw_reply_head(mw_request *r, int status, const char *reason, const mw_header *headers,
                         size_t header_count, int64_t length);

/* Adds to the body; the bytes are copied. MW_EINVAL: there was no head, or it is longer than the
 * head's length. MW_ECLOSED: the client has gone. */
MW_API int mw_reply_body(mw_request *r, const void *bytes, size_t length);

/* Bytes of the answer that wait for the client to read. A sender that keeps this small keeps memory
 * small; mw_request_watch tells when to go on. */
MW_API size_t mw_reply_pending(const mw_request *r);

/* Ends the answer and frees the request; r is dead afterwards. Ending it before mw_reply_head, or
 * before `length` bytes were given, closes the connection. */
MW_API void mw_reply_end(mw_request *r);

/* Gives an answer up: closes the connection, so that the client does not take what it has for the
 * whole, and frees the request. */
MW_API void mw_reply_abort(mw_request *r);

/* In a server in the process: ends the client's exchange with that mw_error, as if the network had
 * failed there, once it has what was answered before. `words` NULL: some are made. Frees the
 * request where it returns MW_OK. MW_EINVAL: no such error, or another server. MW_ECLOSED: the
 * client has gone. */
MW_API int mw_reply_fail(mw_request *r, int error, const char *words);

/* In a server in the process: lets the request go where it would have gone without this server, to
 * an older one of that origin or to the network, as if it had never been here. A body that has been
 * read is sent from its beginning; one that cannot be ends the exchange with
 * MW_CONTENT_RE_SEND_ERROR. Frees the request where it returns MW_OK. MW_EINVAL: the answer has
 * begun, or another server. MW_ECLOSED: the client has gone. */
MW_API int mw_request_pass_on(mw_request *r);

/* ---- URLs ---------------------------------------------------------------------------------- */

/* Bytes within a larger text: no NUL behind them. `at` is NULL where there are none at all, which
 * an empty part is not: "http://h/" has no query, "http://h/?" an empty one. */
typedef struct mw_bytes {
    const char *at;
    size_t length;
} mw_bytes;

/* An absolute URL in its one form, and its parts. All of it belongs to the mw_uri. */
typedef struct mw_uri {
    char *href;        /* with a NUL; all of it but user and password */
    mw_bytes scheme;   /* "https": in small letters */
    mw_bytes user;     /* percent-decoded, so that they may hold any byte */
    mw_bytes password; /* the same */
    mw_bytes host;     /* "example.com", "127.0.0.1", "::1" without its brackets */
    mw_bytes zone;     /* of an address of IPv6: "eth0" */
    mw_bytes path;     /* as it is sent; "/" at least where the scheme is the web's */
    mw_bytes query;    /* without its "?" */
    mw_bytes fragment; /* without its "#" */
    mw_bytes origin;   /* "https://example.com:8080"; of http, https, ws, wss and ftp alone */
    int port;          /* the scheme's own if it names none; 0 where neither is known */
} mw_uri;

/* Resolves a reference against a base, an absolute URL (RFC 3986, 5.2). `base` NULL: the reference
 * must be an absolute URL itself. Any bytes may be given. They are read as browsers read them:
 * blanks and control bytes at the ends, and tabs and line ends anywhere, are left out; in URLs of
 * http, https, ws, wss, ftp and file "\" is "/"; dot segments go ("%2e" is a dot), bytes that
 * cannot be sent are percent-encoded, the host goes through IDNA (UTS 46, non-transitional), an
 * address of IPv4 may be written as inet_aton takes it, and the scheme's own port is dropped.
 * mw_options.url is read more strictly: there such bytes are an error, a host's in UTF-8 excepted.
 *
 * Fills *uri, which mw_uri_free frees. MW_EINVAL: what mw_message says is wrong; *uri is empty. The
 * message repeats neither text, since a password may be in it. A redirect inherits the fragment of
 * its base (RFC 9110, 10.2.2), a reference does not. */
MW_API int mw_uri_resolve(mw_runtime *rt, const mw_bytes *base, mw_bytes reference, mw_uri *uri);
MW_API void mw_uri_free(mw_runtime *rt, mw_uri *uri); /* an empty one, too */

/* Percent-encodes all bytes but letters, digits, "-._~" and those in `keep` (NULL: none); with "%"
 * in `keep`, escapes that are there stay. Writes at most three times `length`, no NUL. Returns how
 * many. */
MW_API size_t mw_uri_encode(char *out, const char *text, size_t length, const char *keep);

/* Percent-decodes. Writes at most `length`, no NUL; `out` may be `text`. Returns how many, or -1
 * and the place in *at of a "%" without two hex digits behind it; nothing is written then. */
MW_API long long mw_uri_decode(char *out, const char *text, size_t length, size_t *at);

#ifdef __cplusplus
}
#endif
#endif
