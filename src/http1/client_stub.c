#include "http1/client.h"
#include "http1/engine.h"
int http1_start(mw_exchange *x)
{
    (void)x;
    return MW_ENOMEM;
}
void http1_pause(mw_exchange *x, bool on)
{
    (void)x;
    (void)on;
}
void http1_resume(mw_exchange *x)
{
    (void)x;
}
void http1_cancel(mw_exchange *x)
{
    (void)x;
}
void http1_locate(const mw_exchange *x, struct mw_failure *f)
{
    (void)x;
    (void)f;
}
void http1_forget(mw_exchange *x)
{
    (void)x;
}
void http1_pool_free(struct http1_pool *pool)
{
    (void)pool;
}
void http1_pool_drop_idle(struct http1_pool *pool)
{
    (void)pool;
}
