/* minimal.c [URL]: fetches inside the host's own loop, which never waits for the network.
 *
 * Against an installed moonwire:
 *     cc -o minimal minimal.c $(pkg-config --cflags --libs moonwire)
 * Against build/, from the root of the project:
 *     cc -o minimal -Isrc examples/embed/minimal.c build/libmoonwire.a \
 *         $(pkg-config --libs libevent libevent_openssl libssl libcrypto libcares)
 */
#include <moonwire.h>

#include <stdio.h>
#include <unistd.h>

static void hello(mw_server *server, mw_request *request, void *ud)
{
    (void)server;
    (void)ud;
    mw_reply_head(request, 200, NULL, NULL, 0, 6);
    mw_reply_body(request, "hello\n", 6);
    mw_reply_end(request);
}

static void done(mw_exchange *x, void *ud)
{
    int failed = mw_exchange_error(x) != MW_NO_ERROR;
    printf("%d %s, %llu bytes\n", mw_exchange_status(x),
           failed ? mw_exchange_error_string(x) : mw_exchange_reason(x),
           (unsigned long long)mw_exchange_received(x));
    mw_exchange_free(x);
    *(int *)ud = failed;
}

int main(int argc, char **argv)
{
    int status = -1; /* of the process; -1 until the exchange is over */
    char url[64];
    mw_server *server = NULL;
    mw_listen listen = {.on_request = hello};
    mw_options options = {.url = argc > 1 ? argv[1] : url, .on_done = done, .ud = &status};
    mw_runtime *rt = mw_open(NULL);
    if (rt == NULL || (argc < 2 && mw_server_listen(rt, &listen, &server) != MW_OK))
        goto fail;
    if (argc < 2) /* no URL: a server of our own, in the same loop */
        snprintf(url, sizeof url, "http://127.0.0.1:%d/", mw_server_port(server));
    if (mw_exchange_start(rt, &options, NULL) != MW_OK)
        goto fail;
    while (status < 0) {
        mw_poll(rt, 0);       /* runs what is ready and returns at once */
        usleep(1000000 / 60); /* stands for drawing a frame */
    }
    mw_close(rt);
    return status;
fail:
    fprintf(stderr, "minimal: %s\n", rt != NULL ? mw_message(rt) : "no memory");
    mw_close(rt);
    return 1;
}
