// SPDX-License-Identifier: MIT
// What libevent's own client costs without a runtime around it: N GETs over kept-alive
// connections, 64 unless told.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CONNECTIONS 64
#define BODY_LENGTH 13

static long wanted, started, finished, failed;
static char host[32];

static void start(struct evhttp_connection *connection);

static void on_done(struct evhttp_request *request, void *ud)
{
    int status = request ? evhttp_request_get_response_code(request) : 0;
    size_t length = request ? evbuffer_get_length(evhttp_request_get_input_buffer(request)) : 0;

    finished++;
    if (status != 200 || length != BODY_LENGTH) {
        if (failed++ == 0)
            fprintf(stderr, "evhttp_client: status %d, %zu bytes\n", status, length);
    }
    if (started < wanted)
        start(ud);
}

static void start(struct evhttp_connection *connection)
{
    struct evhttp_request *request = evhttp_request_new(on_done, connection);

    started++;
    // evhttp adds no Host by itself; a failure to send ends in on_done.
    if (!request || evhttp_add_header(evhttp_request_get_output_headers(request), "Host", host) ||
        evhttp_make_request(connection, request, EVHTTP_REQ_GET, "/")) {
        fputs("evhttp_client: cannot start a request\n", stderr);
        exit(1);
    }
}

static struct event_base *new_base(bool changelist)
{
    struct event_config *config = event_config_new();
    struct event_base *base;

    if (!config)
        return NULL;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    if (changelist)
        event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
    base = event_base_new_with_config(config);
    event_config_free(config);
    return base;
}

int main(int argc, char **argv)
{
    struct evhttp_connection *connections[MOST_CONNECTIONS];
    struct event_base *base;
    int port = argc > 2 ? atoi(argv[1]) : 0;
    int count = argc > 3 ? atoi(argv[3]) : MOST_CONNECTIONS;
    bool changelist = argc == 5 && strcmp(argv[4], "changelist") == 0;

    wanted = argc > 2 ? atol(argv[2]) : 0;
    if (argc > 5 || port < 1 || port > 65535 || wanted < 1 || count < 1 ||
        count > MOST_CONNECTIONS || (argc == 5 && !changelist)) {
        fputs("usage: evhttp_client PORT REQUESTS [CONNECTIONS [changelist]]\n", stderr);
        return 2;
    }
    signal(SIGPIPE, SIG_IGN); // libevent writes with writev
    snprintf(host, sizeof(host), "127.0.0.1:%d", port);
    base = new_base(changelist);
    if (!base) {
        fputs("evhttp_client: no event base\n", stderr);
        return 1;
    }

    for (int i = 0; i < count; i++) {
        connections[i] = evhttp_connection_base_new(base, NULL, "127.0.0.1", (unsigned short)port);
        if (!connections[i]) {
            fputs("evhttp_client: no connection\n", stderr);
            return 1;
        }
    }
    for (int i = 0; i < count && started < wanted; i++)
        start(connections[i]);
    // An idle connection still listens for its close and keeps the loop alive: ask by ourselves.
    while (finished < wanted && event_base_loop(base, EVLOOP_ONCE) == 0)
        ;

    for (int i = 0; i < count; i++)
        evhttp_connection_free(connections[i]);
    event_base_free(base);
    printf("requests=%ld failed=%ld\n", finished, failed);
    return failed || finished < wanted ? 1 : 0;
}
