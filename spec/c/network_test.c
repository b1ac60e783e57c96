/* Which addresses are in which networks, and which are of the public internet.
 * SPDX-License-Identifier: MIT */
#include "base/network.h"

#include "test.h"

static void knows_the_public_internet(void)
{
    static const struct {
        const char *address;
        bool public;
    } rows[] = {
        {"1.1.1.1", true},
        {"8.8.8.8", true},
        {"9.255.255.255", true},
        {"10.0.0.0", false},
        {"10.255.255.255", false},
        {"11.0.0.0", true},
        {"0.0.0.0", false},
        {"127.0.0.1", false},
        {"127.255.255.254", false},
        {"128.0.0.1", true},
        {"169.254.169.254", false},
        {"169.253.255.255", true},
        {"172.15.255.255", true},
        {"172.16.0.1", false},
        {"172.31.255.255", false},
        {"172.32.0.0", true},
        {"192.168.1.1", false},
        {"192.167.255.255", true},
        {"100.63.255.255", true},
        {"100.64.0.1", false},
        {"100.127.255.255", false},
        {"100.128.0.0", true},
        {"198.18.0.1", false},
        {"198.20.0.0", true},
        {"224.0.0.1", false},
        {"255.255.255.255", false},
        {"::", false},
        {"::1", false},
        {"::127.0.0.1", false},
        {"::ffff:127.0.0.1", false},
        {"::ffff:8.8.8.8", true},
        {"::ffff:0:127.0.0.1", false},
        {"64:ff9b::7f00:1", false},
        {"64:ff9b::808:808", true},
        {"64:ff9b:1::808:808", false},
        {"2002:7f00:1::", false},
        {"2002:a9fe:a9fe::1", false},
        {"2002:808:808::1", true},
        {"2001::1", false},
        {"2001:db8::1", false},
        {"2001:4860:4860::8888", true},
        {"2606:4700::1111", true},
        {"fc00::1", false},
        {"fdff::1", false},
        {"fe80::1", false},
        {"fe80::1%lo", false},
        {"fec0::1", false},
        {"ff02::1", false},
        {"not an address", false},
        {"", false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        bool public = mw_address_is_public(rows[i].address);
        if (public != rows[i].public)
            fprintf(stderr, "%s\n", rows[i].address);
        CHECK(public == rows[i].public);
    }
}

static void reads_lists(void)
{
    CHECK(mw_networks_have("10.0.0.0/8, 127.0.0.1", "127.0.0.1"));
    CHECK(!mw_networks_have("10.0.0.0/8, 127.0.0.1", "127.0.0.2"));
    CHECK(mw_networks_have("10.0.0.0/8,fd00::/8", "fd12::1"));
    CHECK(!mw_networks_have("10.0.0.0/8,fd00::/8", "fe12::1"));
    CHECK(mw_networks_have("192.168.1.0/25", "192.168.1.127"));
    CHECK(!mw_networks_have("192.168.1.0/25", "192.168.1.128"));
    CHECK(mw_networks_have("0.0.0.0/0", "8.8.8.8"));
    CHECK(!mw_networks_have("0.0.0.0/0", "2606:4700::1"));
    CHECK(mw_networks_have("::/0", "2606:4700::1"));
    CHECK(mw_networks_have("10.0.0.0/8", "::ffff:10.1.2.3"));
    CHECK(!mw_networks_have("", "10.1.2.3"));
    CHECK(mw_networks_bad("10.0.0.0/8, ::1") == NULL);
    static const char *const bad[] = {"10.0.0.0/33", "::/129",     "10.0.0/8",    "x",
                                      "10.0.0.0/",   "1.2.3.4/-1", "1.2.3.4/0x8", "host"};
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
        CHECK(mw_networks_bad(bad[i]) == bad[i]);
}

int main(void)
{
    TEST(knows_the_public_internet);
    TEST(reads_lists);
    return test_end();
}
