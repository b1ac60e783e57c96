// SPDX-License-Identifier: MIT
// What libevent's own server costs without a runtime around it: 13 bytes with a Content-Type.
// Prints its port.

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif

#include <arpa/inet.h>
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

static const char body[] = "Hello, World!";

static void on_request(struct evhttp_request *request, void *ud)
{
    struct evbuffer *out = evhttp_request_get_output_buffer(request);

    (void)ud;
    // The date and the length are evhttp's own to add.
    if (evhttp_add_header(evhttp_request_get_output_headers(request), "Content-Type",
                          "text/plain") ||
        evbuffer_add_reference(out, body, sizeof(body) - 1, NULL, NULL))
        evhttp_send_error(request, HTTP_INTERNAL, NULL);
    else
        evhttp_send_reply(request, HTTP_OK, "OK", NULL);
}

static int bound_port(struct evhttp_bound_socket *socket)
{
    struct sockaddr_in address;
    socklen_t size = sizeof(address);

    memset(&address, 0, sizeof(address));
    if (getsockname(evhttp_bound_socket_get_fd(socket), (struct sockaddr *)&address, &size) != 0)
        return 0;
    return ntohs(address.sin_port);
}

int main(void)
{
    struct event_config *config = event_config_new();
    struct event_base *base;
    struct evhttp *http;
    struct evhttp_bound_socket *socket;

    signal(SIGPIPE, SIG_IGN); // libevent writes with writev
    if (!config)
        return 1;
    event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
    base = event_base_new_with_config(config);
    event_config_free(config);
    http = base ? evhttp_new(base) : NULL;
    socket = http ? evhttp_bind_socket_with_handle(http, "127.0.0.1", 0) : NULL;
    if (!socket) {
        fputs("evhttp_server: cannot listen on 127.0.0.1\n", stderr);
        return 1;
    }
    evhttp_set_gencb(http, on_request, NULL);
    printf("%d\n", bound_port(socket));
    fflush(stdout);
    event_base_dispatch(base);
    return 1; // whoever measures it ends it
}
