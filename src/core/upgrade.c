/* A server's answer that ends HTTP on its connection.
 * SPDX-License-Identifier: MIT */
#include "core/connection.h"
#include "core/server.h"

#include "base/grammar.h"
#include "base/status.h"

#include <event2/buffer.h>

#include <string.h>

static bool given(const mw_header *headers, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++) {
        if (headers[i].name != NULL && mw_same_name(headers[i].name, name))
            return true;
    }
    return false;
}

static int check(mw_request *r, const mw_header *headers, size_t count, bool tunnel)
{
    mw_runtime *rt = r->rt;
    if (!(r->engine->can & MW_CAN_UPGRADE))
        return mw_fail(rt, MW_EINVAL,
                       "the %s engine cannot upgrade a connection to another protocol",
                       r->engine->name);
    int result = mw_reply_check_open(r);
    if (result != MW_OK)
        return result;
    if (!r->whole || (r->server != NULL && r->server->stream && r->body != NULL &&
                      evbuffer_get_length(r->body) > 0))
        return mw_fail(rt, MW_EINVAL, "the request's body must be read to its end before that");
    if (!tunnel && !given(headers, count, "Upgrade"))
        return mw_fail(rt, MW_EINVAL,
                       "bad headers: without Upgrade nobody knows which protocol follows");
    return MW_OK;
}

/* Sends the head: without a length, for what follows is no body. */
static int send_head(mw_request *r, const mw_header *headers, size_t count, int status)
{
    mw_runtime *rt = r->rt;
    bool add = status == 101 && !given(headers, count, "Connection"); /* RFC 9110, 7.8 */
    static const mw_header connection = {"Connection", "Upgrade"};
    int result = mw_reply_collect(r, headers, count, add ? &connection : NULL);
    if (result != MW_OK)
        return result;
    r->state = MW_REPLY_STARTED;
    r->bodyless = true;
    result = r->engine->reply_head(r, status, mw_status_phrase(status), &rt->reply_fields, 0);
    r->broken = result != MW_OK;
    return result;
}

/* The request is over whatever happens. */
static int take_socket(mw_request *r, mw_connection **out)
{
    mw_runtime *rt = r->rt;
    struct mw_socket socket;
    struct evbuffer *early = evbuffer_new();
    mw_connection *c = NULL;
    memset(&socket, 0, sizeof socket);
    int result = early == NULL ? MW_ENOMEM : r->engine->hand_over(r, &socket, early);
    if (result == MW_OK) {
        size_t length = evbuffer_get_length(early);
        const void *bytes = length > 0 ? evbuffer_pullup(early, -1) : (const void *)"";
        if (bytes != NULL)
            c = mw_connection_new(rt, &socket, bytes, length);
        else
            socket.via->close(&socket);
        result = c == NULL ? MW_ENOMEM : mw_connection_take(c);
    }
    if (early != NULL)
        evbuffer_free(early);
    if (result == MW_OK) {
        *out = c;
        return MW_OK;
    }
    if (c != NULL)
        mw_connection_destroy(c);
    return result == MW_ENOMEM ? mw_fail(rt, result, "no memory for a connection") : result;
}

int mw_request_upgrade(mw_request *r, const mw_header *headers, size_t header_count,
                       mw_connection **out)
{
    bool tunnel = strcmp(r->method, "CONNECT") == 0;
    int result = check(r, headers, header_count, tunnel);
    if (result == MW_OK)
        result = send_head(r, headers, header_count, tunnel ? 200 : 101);
    if (result != MW_OK)
        return result;
    result = take_socket(r, out);
    r->broken = result != MW_OK; /* its head is out: HTTP cannot go on behind it */
    if (result == MW_OK)
        mw_request_free(r);
    return result;
}
