/* netrc_test.c: who is found in a .netrc, and what is wrong with one that cannot be read.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/netrc.h"

struct sample {
    const char *text, *host, *login; /* login NULL: any */
    const char *found;               /* "login:password", "login" without one, "" for nobody */
};

static const struct sample samples[] = {
    {"", "h", NULL, ""},
    {" \n\t\r\n", "h", NULL, ""},
    {"machine h login l password p", "h", NULL, "l:p"},
    {"machine h password p login l\n", "h", NULL, "l:p"},
    {"machine\nh\nlogin\nl\npassword\np\n", "h", NULL, "l:p"},
    {"machine h\r\n\tlogin l\r\n\tpassword p\r\n", "h", NULL, "l:p"},
    {"machine H.Example login l password p", "h.eXAMPLE", NULL, "l:p"},
    {"machine h.example login l password p", "example", NULL, ""},
    {"machine h login l", "h", NULL, "l"},
    {"machine h login l account a password p", "h", NULL, "l:p"},
    {"machine h password p", "h", NULL, ""}, /* nobody's */
    {"machine h", "h", NULL, ""},
    {"machine a login l password p machine h login m password q", "h", NULL, "m:q"},
    {"machine h login l password p machine h login m password q", "h", NULL, "l:p"},
    {"machine h login l password p machine h login m password q", "h", "m", "m:q"},
    {"machine h login l password p", "h", "m", ""},
    {"default login d password e", "h", NULL, "d:e"},
    {"machine h login l password p default login d password e", "h", NULL, "l:p"},
    {"machine i login l password p default login d password e", "h", NULL, "d:e"},
    {"machine h login l password p default login d password e", "h", "d", "d:e"},
    {"machine h login login password password", "h", NULL, "login:password"},
    /* quotes */
    {"machine h login \"l m\" password \"p q\"", "h", NULL, "l m:p q"},
    {"machine \"h\" login l password \"a\\\"b\\\\c\\nd\\re\\tf\\g\"", "h", NULL,
     "l:a\"b\\c\nd\re\tfg"},
    {"machine h login l password \"\"", "h", NULL, "l:"},
    {"machine h login l password \"p\nq\"", "h", NULL, "l:p\nq"},
    {"machine h login l password a\\b\"c", "h", NULL, "l:a\\b\"c"}, /* not at the beginning */
    /* comments */
    {"# machine h login x password y\nmachine h login l password p", "h", NULL, "l:p"},
    {"#\nmachine h login l password p", "h", NULL, "l:p"},
    {"#\r\nmachine h login l password p", "h", NULL, "l:p"},
    {"#one\nmachine h login l # two\npassword p #", "h", NULL, "l:p"},
    {"machine h login #l password #p", "h", NULL, "#l:#p"},
    {"machine h login l password p#q", "h", NULL, "l:p#q"},
    /* macros */
    {"macdef init\ncd /x\nmachine h login x password y\n\nmachine h login l password p", "h", NULL,
     "l:p"},
    {"macdef init\n\nmachine h login l password p", "h", NULL, "l:p"},
    {"macdef init more\ncd\n\nmachine h login l password p", "h", NULL, "l:p"},
    {"macdef init\r\nput\r\n\r\nmachine h login l password p", "h", NULL, "l:p"},
    {"machine h login l macdef m\nput \"\n\npassword p", "h", NULL, "l:p"},
    {"macdef init\nto the end", "h", NULL, ""},
    /* behind the one that fits nobody looks */
    {"machine h login l password p machine i nonsense", "h", NULL, "l:p"},
};

static void finds_who_is_meant(void)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        const struct sample *s = &samples[i];
        struct mw_netrc found;
        char *text = test_need(strdup(s->text)), shown[100] = "";
        CHECK(mw_netrc_find(text, s->host, s->login, &found) == NULL);
        if (found.login != NULL)
            snprintf(shown, sizeof shown, "%s%s%s", found.login, found.password != NULL ? ":" : "",
                     found.password != NULL ? found.password : "");
        if (!CHECK_TEXT(shown, s->found))
            printf("    of %s\n", s->text);
        free(text);
    }
}

static const struct {
    const char *text;
    int line;
    const char *words;
} wrong[] = {
    {"secret", 1, "none of machine"},
    {"machine h login l\npassword p port 22", 2, "none of machine"},
    {"machine h\n\n  nonsense l", 3, "none of machine"},
    {"login l password p", 1, "behind machine or default"},
    {"account a", 1, "behind machine or default"},
    {"machine", 1, "machine has no name"},
    {"machine h login", 1, "login has no value"},
    {"machine h login l password\n", 2, "password has no value"},
    {"machine h account", 1, "account has no value"},
    {"macdef", 1, "macdef has no name"},
    {"machine h login \"secret", 1, "not closed"},
    {"machine h login \"secret\\", 1, "not closed"},
    {"machine h login \"secret\\\"", 1, "not closed"},
    {"machine h login l password \"secret\"x", 1, "behind a quote"},
    {"\n\"\n\n", 4, "not closed"},
};

static void says_what_is_wrong_and_where(void)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct mw_netrc found;
        char *text = test_need(strdup(wrong[i].text));
        const char *words = mw_netrc_find(text, "h", NULL, &found);
        CHECK_HAS(words, wrong[i].words);
        CHECK(words != NULL && strstr(words, "secret") == NULL);
        if (!CHECK_INT(found.line, wrong[i].line))
            printf("    of %s\n", wrong[i].text);
        CHECK(found.login == NULL && found.password == NULL);
        free(text);
    }
}

/* However it is cut off, nothing is read behind it. */
static void reads_any_beginning_of_a_file(void)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        for (size_t length = 0; length < strlen(samples[i].text); length++) {
            struct mw_netrc found;
            char *text = test_need(malloc(length + 1));
            memcpy(text, samples[i].text, length);
            text[length] = '\0';
            mw_netrc_find(text, samples[i].host, samples[i].login, &found);
            CHECK(found.login == NULL || (found.login > text && found.login <= text + length));
            free(text);
        }
    }
}

int main(void)
{
    TEST(finds_who_is_meant);
    TEST(says_what_is_wrong_and_where);
    TEST(reads_any_beginning_of_a_file);
    return test_end();
}
