/* raw.h: what the parts of the test module "raw" share. Peers that speak raw bytes (servers, client
 * connections, a name server) live on the loop of the runtime under test, in its only thread.
 * SPDX-License-Identifier: MIT
 *
 * Lifetimes: an object is a userdata whose head is a raw_object. While it has something in flight
 * (a socket on the loop) it is pinned: listed in the context and referenced by the registry. Once
 * its socket is closed it is unpinned and the script alone keeps it. What the script assigns to an
 * object (callbacks, fields of its own) lives in the environment table of its userdata. */
#ifndef MOONWIRE_SPEC_RAW_H
#define MOONWIRE_SPEC_RAW_H

#define _GNU_SOURCE 1

#include <stddef.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <lauxlib.h>
#include <lua.h>

struct event;
struct event_base;
struct evbuffer;
struct ssl_st;
struct ssl_ctx_st;

typedef struct raw_object raw_object;

/* One per Lua state. Its environment table is the list of errors thrown by callbacks. */
typedef struct raw_context {
    lua_State *L; /* the main state, on which every callback runs */
    struct event_base *base;
    LIST_HEAD(raw_objects, raw_object) objects; /* the pinned ones */
    LIST_HEAD(raw_trees, raw_tree) trees;       /* temporary directories */
    char failure[256];                          /* what could not even be put into the list */
} raw_context;

struct raw_object {
    raw_context *ctx;
    void (*release)(raw_object *); /* frees what is native, at once; calls nothing; idempotent */
    int pinned;
    LIST_ENTRY(raw_object) link;
};

/* ---- raw.c: context, objects, the door into Lua ---- */

/* The context, which every function of the module has as its first upvalue. */
raw_context *raw_context_of(lua_State *L);

/* Registers functions in the table on top of the stack, each with the context as its upvalue. */
void raw_register(lua_State *L, const luaL_Reg *functions);

/* Makes the metatable of a type. `property` pushes the value of a built-in field of the object at
 * index 1, named by the second argument, or returns 0 if there is none of that name. */
void raw_type(lua_State *L, const char *name, const luaL_Reg *methods,
              int (*property)(lua_State *L, const char *name));

/* Pushes a zeroed object with a metatable and an empty environment. The native part comes after,
 * so that an error on the way leaves something that __gc can release. */
void *raw_new(lua_State *L, raw_context *ctx, const char *type, size_t size,
              void (*release)(raw_object *));

void raw_pin(lua_State *L, int index); /* the object at that index of the stack */
void raw_unpin(raw_object *object);
void raw_push(lua_State *L, void *pinned); /* a pinned object, or the context */

/* Copies the field `name` of the options at `index` into the environment of the object on top. */
void raw_copy_field(lua_State *L, int index, const char *name);

/* Runs fn(L) with `ud` as its light userdata argument. Errors are kept for raw.check(). */
void raw_protect(raw_context *ctx, lua_CFunction fn, void *ud);

/* Calls the function below its `count` arguments on top of the stack. Errors are kept. */
void raw_pcall(lua_State *L, raw_context *ctx, int count);

/* Calls the script's callback `name` of a pinned object, if it has one, with the object and up to
 * two strings (NULL: not given). Called from libevent's callbacks; never throws. */
void raw_call(raw_object *object, const char *name, const char *bytes, size_t length,
              const char *extra);

/* ---- raw_socket.c: sockets ---- */

/* The address of options.host (default "127.0.0.1") and options.port. Throws when malformed. */
socklen_t raw_address(lua_State *L, int index, struct sockaddr_storage *address);

int raw_port(int fd); /* the one that a socket is bound to */

/* A bound, listening, non-blocking socket, or -1 with errno set. */
int raw_listen_socket(const struct sockaddr_storage *address, socklen_t length, int backlog);

/* ---- raw_tls.c: TLS below a connection ---- */

enum { RAW_EOF = 0, RAW_AGAIN = -1, RAW_ERROR = -2 };

typedef struct raw_conn {
    raw_object object;
    int fd; /* -1 once closed */
    struct ssl_st *ssl;
    struct event *read_event;
    struct event *write_event;
    struct evbuffer *out; /* to be sent */
    char *in;             /* all that was received */
    size_t in_length;
    size_t in_size;
    const char *how;  /* "eof" or "error" once the peer has gone */
    char detail[160]; /* words for it */
    int depth;        /* of handlers on the C stack that still use this object */
    unsigned connecting : 1;
    unsigned handshaking : 1;
    unsigned want_write : 1; /* TLS must write before it can go on */
    unsigned paused : 1;
    unsigned closing : 1; /* send what waits, then close */
    unsigned halving : 1; /* send what waits, then end our direction */
    unsigned halved : 1;
    unsigned silent : 1; /* no close_notify */
    unsigned broken : 1; /* a write has failed */
    struct {
        const char *version; /* NULL before the end of the handshake */
        int resumed;
        char server_name[256];
        char alpn[32];     /* what was agreed on */
        char subject[128]; /* of the other's certificate */
    } tls;
} raw_conn;

/* Fills *out from the table of TLS options at `index`; throws when they are wrong. */
void raw_tls_server(lua_State *L, int index, struct ssl_ctx_st **out);
int raw_tls_accept(raw_conn *conn, struct ssl_ctx_st *ctx);   /* 0 or -1 */
int raw_tls_connect(lua_State *L, int index, raw_conn *conn); /* likewise of a client's; 0 or -1 */
ssize_t raw_tls_handshake(raw_conn *conn);                    /* 1 when done */
ssize_t raw_tls_read(raw_conn *conn, void *bytes, size_t size);          /* or RAW_… */
ssize_t raw_tls_write(raw_conn *conn, const void *bytes, size_t length); /* or RAW_… */
void raw_tls_notify(raw_conn *conn);                                     /* close_notify */
int raw_tls_pending(const raw_conn *conn);                               /* decrypted, unread */
void raw_tls_free(raw_conn *conn);
void raw_tls_free_context(struct ssl_ctx_st *ctx);

/* ---- raw_wire.c: moves the bytes ---- */

int raw_wire_start(raw_conn *conn); /* makes its events; 0, or -1 without memory */
void raw_wire_go(raw_conn *conn);   /* goes on with what was asked for */
int raw_wire_send(raw_conn *conn, const char *bytes, size_t length); /* 0, or -1 without memory */
size_t raw_wire_unsent(const raw_conn *conn);
void raw_wire_pause(raw_conn *conn, int on);
void raw_wire_close(raw_conn *conn);           /* in good order: after what waits */
void raw_wire_reset(raw_conn *conn);           /* RST */
void raw_wire_fail(raw_conn *conn, int error); /* a connect that failed at once */
void raw_wire_shut(raw_conn *conn);            /* frees everything but what was received */

/* ---- raw_conn.c ---- */

raw_conn *raw_conn_new(lua_State *L, raw_context *ctx); /* pushes it; the caller sets its fd */
void raw_conn_start(lua_State *L, int index);           /* pins it and puts it on the loop */

/* ---- raw_files.c ---- */

void raw_remove_trees(raw_context *ctx); /* every temporary directory that is left */

/* ---- what each part adds to the module, whose table is on top of the stack ---- */

void raw_open_conn(lua_State *L);
void raw_open_dns(lua_State *L);
void raw_open_files(lua_State *L);
void raw_open_hash(lua_State *L);
void raw_open_parse(lua_State *L);
void raw_open_process(lua_State *L);
void raw_open_pty(lua_State *L);
void raw_open_server(lua_State *L);
void raw_open_socket(lua_State *L);

#endif
