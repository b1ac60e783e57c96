// The header in C++: it compiles, and a request goes out and comes back.
// SPDX-License-Identifier: MIT
#include "moonwire.h"

#include "test.h"

#include <string>

namespace
{

struct Talk {
    int done;
    int status;
    std::string body;
};

void on_request(mw_server *server, mw_request *request, void *ud)
{
    (void)server;
    (void)ud;
    const std::string body = std::string("You asked for ") + mw_request_target(request);
    const mw_header field = {"Content-Type", "text/plain"};
    mw_reply_head(request, 200, nullptr, &field, 1, static_cast<int64_t>(body.size()));
    mw_reply_body(request, body.data(), body.size());
    mw_reply_end(request);
}

void on_done(mw_exchange *x, void *ud)
{
    Talk *talk = static_cast<Talk *>(ud);
    talk->body.resize(mw_exchange_available(x));
    mw_exchange_read(x, &talk->body[0], talk->body.size());
    talk->status = mw_exchange_status(x);
    talk->done = 1;
    mw_exchange_free(x);
}

void makes_a_request()
{
    mw_runtime *rt = test_open(nullptr);
    test_need(rt);

    mw_listen how = mw_listen();
    mw_server *server = nullptr;
    how.on_request = on_request;
    CHECK_INT(mw_server_listen(rt, &how, &server), MW_OK);
    test_need(server);

    Talk talk = Talk();
    const std::string url = test_url(mw_server_port(server), "/from/C++");
    mw_options options = mw_options();
    options.url = url.c_str();
    options.on_done = on_done;
    options.ud = &talk;
    CHECK_INT(mw_exchange_start(rt, &options, nullptr), MW_OK);
    WAIT(rt, talk.done);
    CHECK_INT(talk.status, 200);
    CHECK_TEXT(talk.body.c_str(), "You asked for /from/C++");

    mw_server_free(server);
    mw_close(rt);
}

} // namespace

int main()
{
    TEST(makes_a_request);
    return test_end();
}
