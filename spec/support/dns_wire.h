/* dns_wire.h: DNS messages (RFC 1035, 4) as the tests' name servers read and write them.
 * SPDX-License-Identifier: MIT */
#ifndef MOONWIRE_SPEC_DNS_WIRE_H
#define MOONWIRE_SPEC_DNS_WIRE_H

#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { DNS_A = 1, DNS_CNAME = 5, DNS_AAAA = 28, DNS_CUT = 0x0200, DNS_LENGTH = 1400 };

struct dns_question {
    uint16_t id;
    int type;
    char name[256]; /* as it was asked: replies repeat its case, which resolvers may randomise */
};

struct dns_reply {
    unsigned char bytes[DNS_LENGTH];
    size_t length;
};

/* Takes the one question out of a message; 0 if there is none. */
static inline int dns_read(struct dns_question *q, const unsigned char *bytes, size_t length)
{
    size_t at = 12, to = 0;
    memset(q, 0, sizeof *q);
    if (length < at + 5 || bytes[4] != 0 || bytes[5] != 1)
        return 0;
    q->id = (uint16_t)(bytes[0] << 8 | bytes[1]);
    while (at < length && bytes[at] != 0) {
        size_t label = bytes[at++];
        if (label > 63 || at + label >= length || to + label + 2 > sizeof q->name)
            return 0;
        if (to > 0)
            q->name[to++] = '.';
        memcpy(q->name + to, bytes + at, label);
        to += label;
        at += label;
    }
    if (at + 5 > length)
        return 0;
    q->type = bytes[at + 1] << 8 | bytes[at + 2];
    return 1;
}

static inline void dns_put(struct dns_reply *r, const void *bytes, size_t length)
{
    if (r->length + length <= sizeof r->bytes)
        memcpy(r->bytes + r->length, bytes, length);
    r->length += r->length + length <= sizeof r->bytes ? length : 0;
}

static inline void dns_put16(struct dns_reply *r, unsigned value)
{
    const unsigned char bytes[] = {(unsigned char)(value >> 8), (unsigned char)value};
    dns_put(r, bytes, sizeof bytes);
}

static inline void dns_put_name(struct dns_reply *r, const char *name)
{
    while (*name != '\0') {
        size_t label = strcspn(name, ".");
        unsigned char length = (unsigned char)label;
        dns_put(r, &length, 1);
        dns_put(r, name, label);
        name += label + (name[label] == '.');
    }
    dns_put(r, "", 1);
}

/* The head and the question of a reply. `flags` may be DNS_CUT; `code` is the RCODE. */
static inline void dns_begin(struct dns_reply *r, const struct dns_question *q, unsigned flags,
                             unsigned code)
{
    static const unsigned char counts[] = {0, 1, 0, 0, 0, 0, 0, 0};
    r->length = 0;
    dns_put16(r, q->id);
    dns_put16(r, 0x8180 | flags | code);
    dns_put(r, counts, sizeof counts);
    dns_put_name(r, q->name);
    dns_put16(r, (unsigned)q->type);
    dns_put16(r, 1);
}

static inline void dns_add(struct dns_reply *r, const char *owner, int type, unsigned ttl,
                           const void *data, size_t length)
{
    dns_put_name(r, owner);
    dns_put16(r, (unsigned)type);
    dns_put16(r, 1);
    dns_put16(r, ttl >> 16);
    dns_put16(r, ttl & 0xffff);
    dns_put16(r, (unsigned)length);
    dns_put(r, data, length);
    r->bytes[7]++;
}

/* Adds an address, if it is of the type that was asked for. */
static inline void dns_add_address(struct dns_reply *r, const char *owner, int type, unsigned ttl,
                                   const char *text)
{
    unsigned char address[16];
    if (type == DNS_A && inet_pton(AF_INET, text, address) == 1)
        dns_add(r, owner, type, ttl, address, 4);
    else if (type == DNS_AAAA && inet_pton(AF_INET6, text, address) == 1)
        dns_add(r, owner, type, ttl, address, 16);
}

static inline void dns_add_alias(struct dns_reply *r, const char *owner, unsigned ttl,
                                 const char *target)
{
    struct dns_reply name = {.length = 0};
    dns_put_name(&name, target);
    dns_add(r, owner, DNS_CNAME, ttl, name.bytes, name.length);
}

#endif
