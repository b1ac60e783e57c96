/* tls_test.c: TLS sockets, two of them stepped against each other through a relay that counts their
 * records, changes them, and cuts them off. SPDX-License-Identifier: MIT */
#define _GNU_SOURCE 1
#include "net.h"
#include "net/tls.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char dir[] = "/tmp/mw-tls-XXXXXX";
static char leaf[60], a_example[60], other[60], missing[60];
static struct mw_tls_store *store;

/* ---- certificates -------------------------------------------------------------------------- */

static void make_certificate(char path[60], const char *name, const char *names)
{
    char command[600];
    snprintf(path, 60, "%s/%s.pem", dir, name);
    snprintf(command, sizeof command,
             "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 "
             "-subj /CN=%s -addext subjectAltName=%s -keyout %s.key -out %s 2>%s/log && "
             "cat %s.key >>%s",
             name, names, path, path, dir, path, path);
    if (system(command) != 0) {
        printf("openssl cannot make a certificate\n");
        exit(1);
    }
}

static void make_certificates(void)
{
    test_need(mkdtemp(dir));
    make_certificate(leaf, "leaf", "DNS:localhost,IP:127.0.0.1,IP:::1");
    make_certificate(a_example, "a", "DNS:a.example,DNS:*.wild.example");
    make_certificate(other, "other", "DNS:localhost");
    snprintf(missing, sizeof missing, "%s/none.pem", dir);
}

/* ---- two sockets and what lies between them ------------------------------------------------ */

struct stream {
    int from, to;
    unsigned char held[70000]; /* read and not passed on yet */
    size_t count;
    size_t total;
    int records;           /* of application data, as the outside sees it */
    size_t longest;        /* of these */
    unsigned char head[5]; /* of the record that passes */
    size_t in_head, left;
    int corrupt; /* change a byte of the next record */
};

struct pair {
    struct mw_socket client, server;
    struct stream up, down;
    bool stopped; /* nothing passes */
    bool cut;     /* the client's side was closed */
};

static void note_byte(struct stream *s, unsigned char *byte)
{
    if (s->left > 0) {
        if (s->corrupt && s->left == 1)
            *byte ^= 1;
        s->corrupt = s->corrupt && s->left > 1;
        s->left--;
        return;
    }
    s->head[s->in_head++] = *byte;
    if (s->in_head < sizeof s->head)
        return;
    s->in_head = 0;
    s->left = (size_t)s->head[3] << 8 | s->head[4];
    s->records += s->head[0] == 23;
    if (s->head[0] == 23 && s->left > s->longest)
        s->longest = s->left;
}

static void pass_on(struct stream *s)
{
    ssize_t n = read(s->from, s->held + s->count, sizeof s->held - s->count);
    for (ssize_t i = 0; i < n; i++)
        note_byte(s, s->held + s->count + i);
    if (n > 0) {
        s->count += (size_t)n;
        s->total += (size_t)n;
    }
    n = s->count > 0 ? send(s->to, s->held, s->count, MSG_NOSIGNAL) : 0;
    if (n > 0) {
        s->count -= (size_t)n;
        memmove(s->held, s->held + n, s->count);
    }
}

static void relay(struct pair *p)
{
    if (p->stopped)
        return;
    pass_on(&p->up);
    pass_on(&p->down);
}

static void two_sockets(int fds[2], int room)
{
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
        test_need(NULL);
    for (int i = 0; i < 2 && room > 0; i++)
        setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &room, sizeof room);
}

struct setup {
    struct mw_tls_options client;
    struct mw_listen server;
    const char *host;
    int room; /* of the sockets' buffers */
};

static struct setup usual(void)
{
    return (struct setup){
        .client = {.ca_file = leaf}, .server = {.cert_file = leaf}, .host = "localhost"};
}

/* The server's part must outlive its sockets. */
static struct mw_tls_server *serving;

static void open_pair(struct pair *p, const struct setup *how)
{
    int near[2], far[2];
    char wrong[200];
    struct mw_failure f;
    memset(p, 0, sizeof *p);
    two_sockets(near, how->room);
    two_sockets(far, how->room);
    p->up.from = p->down.to = near[1];
    p->up.to = p->down.from = far[1];
    mw_tls_server_free(serving);
    serving = mw_tls_server_new(store, &how->server, wrong, sizeof wrong);
    if (serving == NULL)
        printf("%s\n", wrong);
    test_need(serving);
    CHECK(mw_tls_serve(serving, &p->server, far[0]));
    if (!CHECK(mw_tls_client(store, &p->client, near[0], &how->client, how->host, 443, &f)))
        printf("%s\n", f.text);
}

static void close_relay(struct pair *p)
{
    close(p->up.from);
    close(p->up.to);
}

static void close_socket(struct mw_socket *s)
{
    if (s->via != NULL)
        s->via->close(s);
    CHECK(s->via == NULL);
    CHECK(s->tls == NULL);
}

static void close_pair(struct pair *p)
{
    close_socket(&p->client);
    relay(p);
    close_socket(&p->server);
    close_relay(p);
}

static bool over(enum mw_io io)
{
    return io == MW_IO_DONE || io == MW_IO_FAILED || io == MW_IO_END;
}

/* Shakes hands. *client and *server are how it ended. */
static void shake(struct pair *p, enum mw_io *client, enum mw_io *server)
{
    *client = *server = MW_IO_AGAIN_READ;
    for (int i = 0; i < 1000 && !(over(*client) && over(*server)); i++) {
        if (!over(*client))
            *client = p->client.via->handshake(&p->client);
        relay(p);
        if (!over(*server))
            *server = p->server.via->handshake(&p->server);
        relay(p);
        if (*client == MW_IO_FAILED && *server == MW_IO_AGAIN_READ && i > 20)
            break;
    }
}

static void open_secure(struct pair *p, const struct setup *how)
{
    enum mw_io client, server;
    open_pair(p, how);
    shake(p, &client, &server);
    CHECK_INT(client, MW_IO_DONE);
    CHECK_INT(server, MW_IO_DONE);
}

static enum mw_io read_some(struct pair *p, struct mw_socket *s, char *bytes, size_t size,
                            size_t *n)
{
    enum mw_io io = MW_IO_AGAIN_READ;
    for (int i = 0; i < 100 && io == MW_IO_AGAIN_READ; i++) {
        relay(p);
        io = s->via->read(s, bytes, size, n);
    }
    return io;
}

static enum mw_io write_text(struct mw_socket *s, const char *text, size_t *n)
{
    struct iovec piece = {(char *)text, strlen(text)};
    return s->via->write(s, &piece, 1, n);
}

static void talk(struct pair *p, struct mw_socket *from, struct mw_socket *to)
{
    char bytes[100];
    size_t n;
    CHECK_INT(write_text(from, "hello", &n), MW_IO_DONE);
    CHECK_INT((long long)n, 5);
    CHECK_INT(read_some(p, to, bytes, sizeof bytes, &n), MW_IO_DONE);
    CHECK(n == 5 && memcmp(bytes, "hello", 5) == 0);
    CHECK_INT(to->via->read(to, bytes, sizeof bytes, &n), MW_IO_AGAIN_READ);
    CHECK_INT((long long)n, 0);
}

/* ---- conversations ------------------------------------------------------------------------- */

static void both_sides_talk(void)
{
    struct setup how = usual();
    struct pair p;
    char bytes[10];
    size_t n;
    open_secure(&p, &how);
    talk(&p, &p.client, &p.server);
    talk(&p, &p.server, &p.client);
    CHECK(!mw_socket_buffered(&p.client));
    close_socket(&p.client);
    CHECK_INT(read_some(&p, &p.server, bytes, sizeof bytes, &n), MW_IO_END);
    CHECK_INT(p.server.via->read(&p.server, bytes, sizeof bytes, &n), MW_IO_END);
    CHECK_INT(write_text(&p.server, "still", &n), MW_IO_DONE); /* the other direction is open */
    close_pair(&p);
}

static void what_is_left_of_a_record_is_told_of(void)
{
    struct setup how = usual();
    struct pair p;
    char bytes[10];
    size_t n;
    open_secure(&p, &how);
    write_text(&p.server, "0123456789", &n);
    CHECK_INT(read_some(&p, &p.client, bytes, 3, &n), MW_IO_DONE);
    CHECK_INT((long long)n, 3);
    CHECK(mw_socket_buffered(&p.client));
    CHECK_INT(p.client.via->read(&p.client, bytes, sizeof bytes, &n), MW_IO_DONE);
    CHECK(n == 7 && memcmp(bytes, "3456789", 7) == 0);
    CHECK(!mw_socket_buffered(&p.client));
    close_pair(&p);
}

/* The end comes in the same turn as a full record, and is told by the next read. */
static void an_end_behind_bytes_is_not_lost(void)
{
    static char bytes[40000];
    struct setup how = usual();
    struct pair p;
    size_t n;
    struct iovec piece = {bytes, 16384};
    open_secure(&p, &how);
    CHECK_INT(p.server.via->write(&p.server, &piece, 1, &n), MW_IO_DONE);
    CHECK_INT((long long)n, 16384);
    close_socket(&p.server);
    for (int i = 0; i < 10; i++)
        relay(&p);
    CHECK_INT(p.client.via->read(&p.client, bytes, sizeof bytes, &n), MW_IO_DONE);
    CHECK_INT((long long)n, 16384);
    CHECK(mw_socket_buffered(&p.client));
    CHECK_INT(p.client.via->read(&p.client, bytes, sizeof bytes, &n), MW_IO_END);
    close_pair(&p);
}

static void small_pieces_are_one_record(void)
{
    static char body[40000];
    struct setup how = usual();
    struct pair p;
    size_t n;
    struct iovec reply[] = {
        {(char *)"HTTP/1.1 200 OK\r\n", 17}, {NULL, 0}, {(char *)"\r\n", 2}, {body, 1000}};
    struct iovec large[] = {{(char *)"head", 4}, {body, sizeof body}};
    open_secure(&p, &how);
    p.down.records = 0;
    CHECK_INT(p.server.via->write(&p.server, reply, 4, &n), MW_IO_DONE);
    CHECK_INT((long long)n, 1019);
    relay(&p);
    CHECK_INT(p.down.records, 1);
    p.down.records = 0;
    CHECK_INT(p.server.via->write(&p.server, large, 2, &n), MW_IO_DONE);
    CHECK_INT((long long)n, 40004);
    relay(&p);
    CHECK_INT(p.down.records, 3); /* 16384, 16384 and the rest */
    CHECK(p.down.longest <= 16384 + 256);
    CHECK_INT(p.server.via->write(&p.server, reply + 1, 1, &n), MW_IO_DONE); /* nothing at all */
    CHECK_INT((long long)n, 0);
    close_pair(&p);
}

/* ---- much, through narrow sockets ---------------------------------------------------------- */

static unsigned char nth(size_t i)
{
    return (unsigned char)(i * 7 + (i >> 8) * 13 + (i >> 16));
}

/* Reads what is there and checks it; the total so far. */
static size_t take(struct mw_socket *s, size_t so_far)
{
    char bytes[5000];
    size_t n;
    while (s->via->read(s, bytes, sizeof bytes, &n) == MW_IO_DONE) {
        size_t right = 0;
        while (right < n && (unsigned char)bytes[right] == nth(so_far + right))
            right++;
        if (!CHECK_INT((long long)right, (long long)n))
            exit(1);
        so_far += n;
    }
    return so_far;
}

/* Every write has its bytes elsewhere and cut otherwise, as a queue does that is moved about. */
static enum mw_io write_cut(struct mw_socket *s, size_t from, size_t end, unsigned turn, size_t *n)
{
    struct iovec pieces[5];
    char *copies[5];
    size_t at = from;
    int count = 0;
    for (; count < 5 && at < end; count++) {
        size_t size = (turn * 37u + (unsigned)count * 411u) % 9000u;
        size = count < 4 && size < end - at ? size : end - at;
        copies[count] = (char *)test_need(malloc(size + 1));
        for (size_t i = 0; i < size; i++)
            copies[count][i] = (char)nth(at + i);
        pieces[count] = (struct iovec){copies[count], size};
        at += size;
    }
    size_t offered = at - from;
    enum mw_io io = s->via->write(s, pieces, count, n);
    CHECK(*n <= offered);
    while (count > 0)
        free(copies[--count]);
    return io;
}

static void much_arrives_whole(void)
{
    enum { ALL = 1500000 };
    struct setup how = usual();
    struct pair p;
    size_t sent = 0, received = 0;
    int waits = 0;
    unsigned turn = 0;
    how.room = 4096;
    open_secure(&p, &how);
    while (received < ALL && ++turn < 200000) {
        size_t n = 0;
        /* A queue only grows: what was offered before is offered again. */
        size_t end = sent + 60000 < ALL ? sent + 60000 : ALL;
        enum mw_io io = sent < ALL ? write_cut(&p.server, sent, end, turn, &n) : MW_IO_DONE;
        if (!CHECK(io == MW_IO_DONE || io == MW_IO_AGAIN_WRITE))
            break;
        waits += io == MW_IO_AGAIN_WRITE;
        sent += n;
        if (turn % 3 == 0)
            relay(&p);
        received = take(&p.client, received);
    }
    CHECK_INT((long long)received, ALL);
    CHECK(waits > 0);
    close_pair(&p);
}

static void a_write_that_waits_may_grow(void)
{
    struct setup how = usual();
    struct pair p;
    size_t n, sent = 0, received = 0;
    char first[300], more[900];
    how.room = 2048;
    open_secure(&p, &how);
    p.stopped = true;
    enum mw_io io;
    do {
        for (size_t i = 0; i < sizeof first; i++)
            first[i] = (char)nth(sent + i);
        struct iovec piece = {first, sizeof first};
        io = p.server.via->write(&p.server, &piece, 1, &n);
        sent += n;
    } while (io == MW_IO_DONE);
    CHECK_INT(io, MW_IO_AGAIN_WRITE);
    p.stopped = false;
    for (int i = 0; i < 200 && received < sent + sizeof more; i++) {
        for (size_t k = 0; k < sizeof more; k++)
            more[k] = (char)nth(sent + k);
        struct iovec pieces[] = {{more, 100}, {more + 100, sizeof more - 100}};
        if (io != MW_IO_DONE &&
            (io = p.server.via->write(&p.server, pieces, 2, &n)) == MW_IO_DONE) {
            sent += n;
            if (n < sizeof more) /* that was the record which waited; the rest goes with the next */
                io = MW_IO_AGAIN_WRITE;
        }
        relay(&p);
        received = take(&p.client, received);
    }
    CHECK(received > 300);
    CHECK_INT((long long)received, (long long)sent);
    close_pair(&p);
}

/* ---- files --------------------------------------------------------------------------------- */

static int file_of(size_t size)
{
    char path[80];
    snprintf(path, sizeof path, "%s/body", dir);
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    for (size_t i = 0; i < size; i++) {
        unsigned char byte = nth(i);
        if (write(fd, &byte, 1) != 1)
            test_need(NULL);
    }
    return fd;
}

static void a_file_arrives_whole(void)
{
    enum { ALL = 100000 };
    struct setup how = usual();
    struct pair p;
    size_t sent = 0, received = 0, n;
    int fd = file_of(ALL);
    int waits = 0;
    how.room = 4096;
    open_secure(&p, &how);
    for (int i = 0; i < 20000 && received < ALL; i++) {
        enum mw_io io = sent < ALL
                            ? p.server.via->send_file(&p.server, fd, (off_t)sent, ALL - sent, &n)
                            : MW_IO_AGAIN_WRITE;
        if (io == MW_IO_DONE)
            sent += n;
        else
            CHECK_INT(io, MW_IO_AGAIN_WRITE);
        waits += io == MW_IO_AGAIN_WRITE;
        relay(&p);
        received = take(&p.client, received);
    }
    CHECK_INT((long long)received, ALL);
    CHECK(waits > 0);
    CHECK_INT(p.server.via->send_file(&p.server, fd, ALL, 10, &n), MW_IO_END);
    CHECK_INT(p.server.via->send_file(&p.server, fd, 0, 0, &n), MW_IO_DONE);
    CHECK_INT(p.server.system_errno, 0); /* it is short, no more */
    CHECK_INT(p.server.via->send_file(&p.server, -1, 0, 10, &n), MW_IO_END);
    CHECK_INT(p.server.system_errno, EBADF);
    int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC); /* there is nothing at 0: EIO */
    CHECK_INT(p.server.via->send_file(&p.server, memory, 0, 10, &n), MW_IO_END);
    CHECK_INT(p.server.system_errno, EIO);
    close(memory);
    close(fd);
    close_pair(&p);
}

/* ---- what goes wrong ----------------------------------------------------------------------- */

static void an_end_without_goodbye_is_a_failure(void)
{
    struct setup how = usual();
    struct pair p;
    struct mw_failure f;
    char byte;
    size_t n;
    open_secure(&p, &how);
    relay(&p);
    close_relay(&p);
    enum mw_io io = p.client.via->read(&p.client, &byte, 1, &n);
    CHECK_INT(io, MW_IO_FAILED);
    CHECK_INT(p.client.via->read(&p.client, &byte, 1, &n), MW_IO_FAILED);
    mw_socket_explain(&p.client, MW_PHASE_BODY, &f);
    CHECK_INT(f.code, MW_REMOTE_HOST_CLOSED_ERROR);
    CHECK_INT(f.phase, MW_PHASE_BODY);
    CHECK_INT(f.system_errno, 0);
    CHECK_HAS(f.text, "without close_notify");
    CHECK_HAS(f.text, "cut off");
    CHECK(f.tls[0] != '\0');
    close_socket(&p.client);
    close_socket(&p.server);
}

static void a_spoiled_end_says_no_goodbye(void)
{
    struct setup how = usual();
    struct pair p;
    char byte;
    size_t n;
    open_secure(&p, &how);
    talk(&p, &p.server, &p.client);
    mw_socket_spoil(&p.server);
    close_socket(&p.server);
    relay(&p);
    close_relay(&p);
    CHECK_INT(p.client.via->read(&p.client, &byte, 1, &n), MW_IO_FAILED);
    close_socket(&p.client);
}

static void a_changed_byte_is_a_failure(void)
{
    struct setup how = usual();
    struct pair p;
    struct mw_failure f;
    char byte;
    size_t n;
    open_secure(&p, &how);
    talk(&p, &p.server, &p.client);
    p.down.corrupt = 1;
    write_text(&p.server, "hello", &n);
    CHECK_INT(read_some(&p, &p.client, &byte, 1, &n), MW_IO_FAILED);
    mw_socket_explain(&p.client, MW_PHASE_HEAD, &f);
    CHECK_INT(f.code, MW_PROTOCOL_FAILURE);
    CHECK_INT(f.phase, MW_PHASE_HEAD);
    CHECK_HAS(f.text, "TLS with localhost:443 broke");
    CHECK_HAS(f.tls, "bad record mac");
    close_pair(&p);
}

static void a_write_to_who_has_gone_fails(void)
{
    struct setup how = usual();
    struct pair p;
    struct mw_failure f;
    size_t n;
    open_secure(&p, &how);
    close_relay(&p);
    CHECK_INT(write_text(&p.server, "hello", &n), MW_IO_FAILED);
    mw_socket_explain(&p.server, MW_PHASE_BODY, &f);
    CHECK_INT(f.code, MW_REMOTE_HOST_CLOSED_ERROR);
    CHECK_INT(f.system_errno, EPIPE);
    close_socket(&p.client);
    close_socket(&p.server);
}

static void who_speaks_no_tls_is_found_out(void)
{
    struct setup how = usual();
    struct mw_socket client;
    struct mw_failure f;
    int fds[2];
    two_sockets(fds, 0);
    CHECK(mw_tls_client(store, &client, fds[0], &how.client, "localhost", 80, &f));
    CHECK_INT(client.via->handshake(&client), MW_IO_AGAIN_READ);
    CHECK(write(fds[1], "HTTP/1.1 400 Bad Request\r\n\r\n", 28) == 28);
    CHECK_INT(client.via->handshake(&client), MW_IO_FAILED);
    mw_socket_explain(&client, MW_PHASE_TLS, &f);
    CHECK_INT(f.code, MW_SSL_HANDSHAKE_FAILED_ERROR);
    CHECK_INT(f.system_errno, 0);
    CHECK_HAS(f.text, "the TLS handshake with localhost:80 failed: wrong version number");
    close_socket(&client);
    close(fds[1]);
}

static void a_handshake_that_is_dropped_is_a_failed_one(void)
{
    struct setup how = usual();
    struct mw_socket client;
    struct mw_failure f;
    int fds[2];
    two_sockets(fds, 0);
    CHECK(mw_tls_client(store, &client, fds[0], &how.client, "localhost", 80, &f));
    close(fds[1]);
    CHECK_INT(client.via->handshake(&client), MW_IO_FAILED);
    mw_socket_explain(&client, MW_PHASE_TLS, &f);
    CHECK_INT(f.code, MW_SSL_HANDSHAKE_FAILED_ERROR);
    CHECK_INT(f.phase, MW_PHASE_TLS);
    CHECK_INT(f.tls_depth, -1);
    close_socket(&client);
}

/* ---- who it is ----------------------------------------------------------------------------- */

static const char *pin_of(const char *cert_file)
{
    static char pin[100];
    char command[400];
    snprintf(command, sizeof command,
             "openssl x509 -in %s -pubkey -noout | openssl pkey -pubin -outform der | "
             "openssl dgst -sha256 -binary | openssl base64",
             cert_file);
    FILE *out = (FILE *)test_need(popen(command, "r"));
    memcpy(pin, "sha256//", 8);
    CHECK(fgets(pin + 8, 60, out) != NULL);
    pin[strcspn(pin, "\n")] = '\0';
    pclose(out);
    CHECK(mw_tls_bad_pin(pin) == NULL);
    return pin;
}

/* One handshake, which succeeds if `reason` is NULL, and fails with these words else. */
static void expect(const struct setup *how, const char *reason, int depth, const char *subject)
{
    struct pair p;
    struct mw_failure f;
    enum mw_io client, server;
    open_pair(&p, how);
    shake(&p, &client, &server);
    if (reason == NULL) {
        if (!CHECK_INT(client, MW_IO_DONE)) {
            mw_socket_explain(&p.client, MW_PHASE_TLS, &f);
            printf("  %s\n", f.text);
        }
    } else if (CHECK_INT(client, MW_IO_FAILED)) {
        mw_socket_explain(&p.client, MW_PHASE_TLS, &f);
        CHECK_INT(f.code, MW_SSL_HANDSHAKE_FAILED_ERROR);
        CHECK_INT(f.phase, MW_PHASE_TLS);
        CHECK_HAS(f.tls, reason);
        CHECK_INT(f.tls_depth, depth);
        CHECK_HAS(f.tls_subject, subject);
        CHECK_HAS(f.text, "is not accepted");
        CHECK_HAS(f.text, reason);
    }
    close_pair(&p);
}

static void hosts_and_authorities_are_checked(void)
{
    static const struct {
        const char *host, *ca, *reason;
    } rows[] = {
        {"localhost", leaf, NULL},
        {"LOCALHOST", leaf, NULL},
        {"localhost.", leaf, NULL},
        {"127.0.0.1", leaf, NULL},
        {"::1", leaf, NULL},
        {"::1%lo", leaf, NULL},
        {"127.0.0.2", leaf, "IP address mismatch"},
        {"::2", leaf, "IP address mismatch"},
        {"example.com", leaf, "ostname mismatch"},
        {"leaf", leaf, "ostname mismatch"}, /* the common name counts for nothing */
        {"localhost", other, "self-signed certificate"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct setup how = usual();
        how.host = rows[i].host;
        how.client.ca_file = rows[i].ca;
        expect(&how, rows[i].reason, 0, "leaf");
    }
}

static void pins_hold_whoever_signed(void)
{
    struct setup how = usual();
    char right[100], wrong[100], both[250];
    snprintf(right, sizeof right, "%s", pin_of(leaf));
    snprintf(wrong, sizeof wrong, "%s", pin_of(other));
    snprintf(both, sizeof both, "%s;%s", wrong, right);
    for (int insecure = 0; insecure < 2; insecure++) {
        how.client.insecure = insecure;
        how.client.pins = right;
        expect(&how, NULL, 0, "");
        how.client.pins = both;
        expect(&how, NULL, 0, "");
        how.client.pins = wrong;
        expect(&how, right, 0, "leaf"); /* it says which one the server has */
    }
    how.client.insecure = false;
    how.client.pins = right;
    how.client.ca_file = other;
    expect(&how, "self-signed certificate", 0, "leaf"); /* a pin stands in for nothing else */
}

static void what_is_no_pin_is_told(void)
{
    static const struct {
        const char *pins;
        int bad; /* where; -1: nowhere */
    } rows[] = {
        {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", -1},
        {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;"
         "sha256//++++++++++++++++++++++++++++++++++++++++++8=",
         -1},
        {"", 0},
        {"sha256//", 0},
        {"sha1//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=", 0},
        {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", 0},
        {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB=", 0}, /* spare bits */
        {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA==", 0},
        {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA-A=", 0},
        {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=;", 53},
        {"sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ", 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const char *bad = mw_tls_bad_pin(rows[i].pins);
        CHECK_INT(bad == NULL ? -1 : bad - rows[i].pins, rows[i].bad);
    }
}

static void the_certificate_is_that_of_the_host(void)
{
    static const struct {
        const char *host, *ca;
    } rows[] = {
        {"a.example", a_example}, {"A.Example", a_example}, {"x.wild.example", a_example},
        {"localhost", leaf},      {"127.0.0.1", leaf},
    };
    const mw_certificate own[] = {{"*.wild.example", a_example, NULL},
                                  {"a.example", a_example, NULL}};
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct setup how = usual();
        how.server.certificates = own;
        how.server.certificate_count = 2;
        how.host = rows[i].host;
        how.client.ca_file = rows[i].ca;
        expect(&how, NULL, 0, "");
    }
    struct setup how = usual();
    how.server.certificates = own;
    how.server.certificate_count = 2;
    how.host = "x.y.wild.example"; /* two labels: the server's own, which is not that host's */
    expect(&how, "ostname mismatch", 0, "leaf");
}

/* A server of TLS 1.3 refuses when the client's handshake is over; what it says is heard all the
 * same, be it by a read or by a write that fails. */
static void a_refused_client_learns_why(void)
{
    static const char *const certs[] = {NULL, a_example, leaf};
    static const char *const words[] = {"certificate required", "unknown ca", NULL};
    for (int i = 0; i < 6; i++) {
        struct setup how = usual();
        struct pair p;
        struct mw_failure f;
        enum mw_io client, server;
        char byte;
        size_t n;
        const char *refused = words[i % 3];
        how.server.client_ca_file = leaf;
        how.client.cert_file = certs[i % 3];
        open_pair(&p, &how);
        shake(&p, &client, &server);
        CHECK_INT(client, MW_IO_DONE);
        CHECK_INT(server, refused != NULL ? MW_IO_FAILED : MW_IO_DONE);
        if (refused == NULL) {
            talk(&p, &p.client, &p.server);
            close_pair(&p);
            continue;
        }
        mw_socket_explain(&p.server, MW_PHASE_TLS, &f);
        CHECK_INT(f.tls_depth, i % 3 == 0 ? -1 : 0);
        for (int k = 0; k < 10; k++)
            relay(&p);
        if (i < 3) {
            CHECK_INT(p.client.via->read(&p.client, &byte, 1, &n), MW_IO_FAILED);
        } else {
            close_relay(&p);
            CHECK_INT(write_text(&p.client, "GET", &n), MW_IO_FAILED);
        }
        mw_socket_explain(&p.client, MW_PHASE_HEAD, &f);
        CHECK_INT(f.code, MW_SSL_HANDSHAKE_FAILED_ERROR);
        CHECK_INT(f.phase, MW_PHASE_TLS);
        CHECK_HAS(f.text, refused);
        close_socket(&p.client);
        close_socket(&p.server);
        if (i < 3)
            close_relay(&p);
    }
}

/* ---- sessions ------------------------------------------------------------------------------ */

/* How many bytes of the server's a handshake took: a resumed one carries no certificate. */
static size_t handshake_size(const struct setup *how, bool fresh)
{
    static struct mw_tls_server *kept;
    struct pair p;
    if (fresh)
        kept = NULL;
    struct mw_tls_server *mine = serving;
    if (kept != NULL)
        serving = NULL; /* the tickets are good at the server that gave them */
    open_pair(&p, how);
    if (kept != NULL) {
        mw_tls_server_free(serving);
        serving = mine;
        close_socket(&p.server);
        int far[2];
        two_sockets(far, 0);
        close(p.up.to);
        p.up.to = p.down.from = far[1];
        CHECK(mw_tls_serve(kept, &p.server, far[0]));
    }
    kept = serving;
    enum mw_io client, server;
    shake(&p, &client, &server);
    CHECK_INT(client, MW_IO_DONE);
    CHECK_INT(server, MW_IO_DONE);
    size_t size = p.down.total;
    talk(&p, &p.server, &p.client); /* the tickets come with it */
    close_pair(&p);
    return size;
}

static void sessions_are_resumed_with_the_same_options(void)
{
    struct setup how = usual();
    mw_tls_store_free(store);
    store = (struct mw_tls_store *)test_need(mw_tls_store_new(&mw_default_allocator));
    mw_tls_server_free(serving);
    serving = NULL;
    size_t whole = handshake_size(&how, true);
    CHECK(handshake_size(&how, false) + 300 < whole);
    CHECK(handshake_size(&how, false) + 300 < whole);
    struct setup others = how;
    others.client.insecure = true;
    CHECK(handshake_size(&others, false) + 300 > whole);
    CHECK(handshake_size(&others, false) + 300 < whole);
    others = how;
    others.host = "127.0.0.1";
    CHECK(handshake_size(&others, false) + 300 > whole);
    CHECK(handshake_size(&how, false) + 300 < whole);
}

static void on_request(mw_server *server, mw_request *r, void *ud)
{
    (void)server;
    (void)r;
    (void)ud;
}

/* ---- options that do not do ---------------------------------------------------------------- */

static void what_cannot_be_read_is_named(void)
{
    static char text[100];
    const struct {
        struct mw_tls_options o;
        const char *host, *words;
    } rows[] = {
        {{.ca_file = missing}, "localhost", "none.pem: No such file"},
        {{.ca_path = missing}, "localhost", "none.pem: No such file"},
        {{.ca_path = leaf}, "localhost", "leaf.pem: Not a directory"},
        {{.ca_data = "no PEM"}, "localhost", "ca_data: no start line"},
        {{.ca_data = text}, "localhost", "ca_data: "},
        {{.insecure = true, .cert_file = missing}, "localhost", "none.pem: No such file"},
        {{.insecure = true, .cert_file = leaf, .key_file = other},
         "localhost",
         "key values mismatch"},
        {{.insecure = true}, "a-name-that-is-too-long", "not a name"},
    };
    char name[300];
    memset(name, 'a', sizeof name);
    name[260] = '\0';
    snprintf(text, sizeof text, "-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n");
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct mw_socket s = {.fd = -1};
        struct mw_failure f;
        int fds[2];
        two_sockets(fds, 0);
        const char *host = strcmp(rows[i].host, "localhost") == 0 ? rows[i].host : name;
        CHECK(!mw_tls_client(store, &s, fds[0], &rows[i].o, host, 443, &f));
        CHECK_INT(f.code, MW_SSL_HANDSHAKE_FAILED_ERROR);
        CHECK_INT(f.phase, MW_PHASE_TLS);
        CHECK_HAS(f.text, rows[i].words);
        CHECK_INT(close(fds[0]), 0); /* it is ours still */
        close(fds[1]);
    }
}

static void secrets_are_logged_when_asked(void)
{
    char path[80], bytes[4000];
    struct setup how = usual();
    struct pair p;
    struct stat info;
    snprintf(path, sizeof path, "%s/keys", dir);
    setenv("SSLKEYLOGFILE", path, 1);
    open_secure(&p, &how);
    close_pair(&p);
    CHECK(stat(path, &info) != 0); /* not by the environment */
    CHECK(!mw_tls_store_log_keys(store, "/nowhere/at/all"));
    CHECK_INT(errno, ENOENT);
    CHECK(mw_tls_store_log_keys(store, path));
    open_secure(&p, &how);
    close_pair(&p);
    FILE *file = (FILE *)test_need(fopen(path, "r"));
    size_t n = fread(bytes, 1, sizeof bytes - 1, file);
    bytes[n] = '\0';
    fclose(file);
    CHECK_HAS(bytes, "CLIENT_TRAFFIC_SECRET_0 ");
    CHECK(stat(path, &info) == 0 && (info.st_mode & 077) == 0);
    CHECK(mw_tls_store_log_keys(store, NULL));
    open_secure(&p, &how);
    close_pair(&p);
    CHECK(stat(path, &info) == 0 && info.st_size == (off_t)n);
}

static void options_that_need_others_are_misuse(void)
{
    const mw_certificate nameless = {NULL, leaf, NULL}, bare = {"a.example", NULL, NULL};
    const struct {
        mw_listen how;
        const char *words;
    } rows[] = {
        {{.key_file = leaf}, "bad key_file: it needs a cert_file"},
        {{.client_ca_file = leaf}, "bad client_ca_file: it needs a cert_file"},
        {{.certificates = &bare, .certificate_count = 1}, "bad certificates: it needs a cert_file"},
        {{.cert_file = leaf, .certificates = &bare, .certificate_count = 1},
         "bad certificates: number 1 has no cert_file"},
        {{.cert_file = leaf, .certificates = &nameless, .certificate_count = 1},
         "bad certificates: number 1 has no host"},
    };
    mw_runtime *rt = (mw_runtime *)test_need(mw_open(NULL));
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        mw_listen how = rows[i].how;
        mw_server *server = NULL;
        how.on_request = on_request;
        CHECK_INT(mw_server_listen(rt, &how, &server), MW_EINVAL);
        CHECK(server == NULL);
        CHECK_TEXT(mw_message(rt), rows[i].words);
    }
    mw_close(rt);
    CHECK(mw_open(&(mw_config){.keylog_file = "/nowhere/keys"}) == NULL);
}

static void memory_may_run_out_anywhere(void)
{
    struct setup how = usual();
    const mw_certificate own = {"a.example", a_example, NULL};
    int worked = 0;
    how.server.certificates = &own;
    how.server.certificate_count = 1;
    how.client.pins = pin_of(leaf);
    for (long left = 0; left < 40 && worked < 2; left++) {
        struct net_memory memory = {left, 0};
        const struct mw_allocator a = {net_alloc, &memory};
        struct mw_socket s[2] = {{.fd = -1}, {.fd = -1}};
        struct mw_failure f;
        char wrong[200];
        int fds[2];
        two_sockets(fds, 0);
        struct mw_tls_store *small = mw_tls_store_new(&a);
        struct mw_tls_server *server =
            small != NULL ? mw_tls_server_new(small, &how.server, wrong, sizeof wrong) : NULL;
        worked = 0;
        if (small != NULL && server == NULL)
            CHECK_TEXT(wrong, "");
        if (server != NULL && mw_tls_serve(server, &s[0], fds[0]))
            worked++;
        if (worked && mw_tls_client(small, &s[1], fds[1], &how.client, "localhost", 443, &f))
            worked++;
        else if (worked)
            CHECK_HAS(f.text, "no memory");
        for (int i = 0; i < 2; i++) {
            if (s[i].via != NULL)
                s[i].via->close(&s[i]);
            else
                close(fds[i]);
        }
        mw_tls_server_free(server);
        mw_tls_store_free(small);
        CHECK_INT(memory.blocks, 0);
    }
    CHECK_INT(worked, 2);
}

/* More options than contexts are kept: those of long ago are given up, under who uses them too. */
static void contexts_are_given_up_in_their_turn(void)
{
    struct setup how = usual();
    struct pair first;
    char pins[64];
    open_secure(&first, &how);
    for (int i = 0; i < 90; i++) {
        struct mw_socket s;
        struct mw_failure f;
        int fds[2];
        two_sockets(fds, 0);
        snprintf(pins, sizeof pins, "sha256//AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%02dA=", i);
        how.client.pins = pins;
        CHECK(mw_tls_bad_pin(pins) == NULL);
        CHECK(mw_tls_client(store, &s, fds[0], &how.client, "localhost", 443, &f));
        close_socket(&s);
        close(fds[1]);
    }
    talk(&first, &first.server, &first.client); /* with tickets that nobody wants any more */
    talk(&first, &first.client, &first.server);
    close_pair(&first);
}

static void clean_up(void)
{
    char command[100];
    mw_tls_server_free(serving);
    mw_tls_store_free(store);
    snprintf(command, sizeof command, "rm -rf %s", dir);
    CHECK_INT(system(command), 0);
}

int main(void)
{
    signal(SIGPIPE, SIG_IGN); /* as mw_open does */
    make_certificates();
    store = (struct mw_tls_store *)test_need(mw_tls_store_new(&mw_default_allocator));
    int before = test_descriptors();
    TEST(both_sides_talk);
    TEST(what_is_left_of_a_record_is_told_of);
    TEST(an_end_behind_bytes_is_not_lost);
    TEST(small_pieces_are_one_record);
    TEST(much_arrives_whole);
    TEST(a_write_that_waits_may_grow);
    TEST(a_file_arrives_whole);
    TEST(an_end_without_goodbye_is_a_failure);
    TEST(a_spoiled_end_says_no_goodbye);
    TEST(a_changed_byte_is_a_failure);
    TEST(a_write_to_who_has_gone_fails);
    TEST(who_speaks_no_tls_is_found_out);
    TEST(a_handshake_that_is_dropped_is_a_failed_one);
    TEST(hosts_and_authorities_are_checked);
    TEST(pins_hold_whoever_signed);
    TEST(what_is_no_pin_is_told);
    TEST(the_certificate_is_that_of_the_host);
    TEST(a_refused_client_learns_why);
    TEST(sessions_are_resumed_with_the_same_options);
    TEST(what_cannot_be_read_is_named);
    TEST(secrets_are_logged_when_asked);
    TEST(options_that_need_others_are_misuse);
    TEST(memory_may_run_out_anywhere);
    TEST(contexts_are_given_up_in_their_turn);
    CHECK_INT(test_descriptors(), before);
    clean_up();
    return test_end();
}
