/* challenge_test.c: challenges of authentication, read as RFC 9110, 11 has them, and those that it
 * does not have.
 * SPDX-License-Identifier: MIT */
#include "test.h"

#include "base/base64.h"
#include "base/challenge.h"

/* ---- all that a field holds, in one line -------------------------------------------------------
 */

static char shown[4096];

static void show(const char *format, struct mw_span text)
{
    size_t length = strlen(shown);
    snprintf(shown + length, sizeof shown - length, format, (int)text.length, text.at);
}

static void show_params(const struct mw_challenge *c)
{
    static char text[4096];
    for (size_t i = 0; i < c->count; i++) {
        show(" %.*s", c->params[i].name);
        size_t length = mw_param_text(&c->params[i], text);
        CHECK(length == strlen(text));
        show("=%.*s", (struct mw_span){text, length});
    }
}

/* "Scheme token68" or "Scheme name=value …", a "|" behind each. */
static const char *read_all(const char *field)
{
    struct mw_challenge c;
    const char *at = field;
    shown[0] = '\0';
    while (mw_challenge_next(&at, &c)) {
        show("%.*s", c.scheme);
        if (c.token68.length > 0)
            show(" %.*s", c.token68);
        show_params(&c);
        show("%.*s", (struct mw_span){"|", 1});
    }
    CHECK(*at == '\0');
    CHECK(!mw_challenge_next(&at, &c));
    return shown;
}

struct sample {
    const char *field, *read;
};

static const struct sample samples[] = {
    {"", ""},
    {" , ,\t", ""},
    {"Negotiate", "Negotiate|"},
    {"Negotiate, NTLM", "Negotiate|NTLM|"},
    {"Negotiate,NTLM ,Basic realm=x", "Negotiate|NTLM|Basic realm=x|"},
    {"Basic realm=\"simple\"", "Basic realm=simple|"},
    {"Basic realm=simple", "Basic realm=simple|"},
    {"Basic realm", "Basic realm|"}, /* a token68 */
    {"Basic realm=", "Basic realm=|"},
    {"Basic realm=\"\"", "Basic realm=|"},
    {"Basic  realm = \"with blanks\" , charset\t=\tUTF-8 ",
     "Basic realm=with blanks charset=UTF-8|"},
    {"Basic realm=\"a, b\", Digest nonce=\"c=d, Basic realm=e\"",
     "Basic realm=a, b|Digest nonce=c=d, Basic realm=e|"},
    {"Basic realm=\"say \\\"hi\\\" \\\\ \\n\"", "Basic realm=say \"hi\" \\ n|"},
    {"Basic realm=\"\\\"\"", "Basic realm=\"|"},
    {"Basic , realm=x", "Basic realm=x|"}, /* an empty element */
    {"Basic realm=x,,,charset=y,", "Basic realm=x charset=y|"},
    {"Negotiate YII/abc+d-e._~==", "Negotiate YII/abc+d-e._~==|"},
    {"Negotiate abc== , Basic realm=x", "Negotiate abc==|Basic realm=x|"},
    {"Negotiate abc=, Basic realm=x", "Negotiate abc=|Basic realm=x|"},
    /* RFC 9110, 11.6.1 */
    {"Basic realm=\"simple\", Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\"",
     "Basic realm=simple|Newauth realm=apps type=1 title=Login to \"apps\"|"},
    /* RFC 7235's older example, whose first challenge is the longer one */
    {"Newauth realm=\"apps\", type=1, title=\"Login\", Basic realm=\"simple\"",
     "Newauth realm=apps type=1 title=Login|Basic realm=simple|"},
    {"Digest qop=\"auth,auth-int\",nonce=abc,stale=FALSE",
     "Digest qop=auth,auth-int nonce=abc stale=FALSE|"},
    {"Basic realm=\"\xc3\xa4\"", "Basic realm=\xc3\xa4|"},
    {"Weird!#$%&'*+.^_`|~ a=b", "Weird!#$%&'*+.^_`|~ a=b|"},
    /* what cannot be read ends the field; what came before it counts */
    {"Basic realm=\"open", ""},
    {"Basic realm=\"open\\\"", ""},
    {"Basic realm=\"open\\", ""},
    {"Basic realm=\"a\"b", ""},
    {"Basic realm=\"a\" charset=b", ""},
    {"Basic realm=a b", ""},
    {"Basic realm=x, realm=y", ""},
    {"Basic realm=x, REALM=y", ""},
    {"Negotiate, Basic realm=x, realm=y, Digest nonce=z", "Negotiate|"},
    {"Basic realm=x, Digest nonce=\"y", "Basic realm=x|"},
    {"=", ""},
    {"\"Basic\" realm=x", ""},
    {"Basic=realm", ""},
    {"realm=x", ""},
    {"Basic \"x\"", ""},
    {"Basic realm=x, =y", ""},
    {"Basic realm=x, \"y\"", ""},
    {"Basic realm=x; charset=y", ""},
    {"Basic/realm", ""},
    {"Basic realm==x", ""},
    {"Basic realm=\"a\x01\"", ""},
};

static void reads_what_a_field_holds(void)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        if (!CHECK_TEXT(read_all(samples[i].field), samples[i].read))
            printf("    of %s\n", samples[i].field);
    }
}

/* However it is cut off, it is read to its end, and no more than that. */
static void reads_any_beginning_of_a_field(void)
{
    for (size_t i = 0; i < sizeof samples / sizeof samples[0]; i++) {
        for (size_t length = 0; length < strlen(samples[i].field); length++) {
            char *cut = test_need(malloc(length + 1));
            memcpy(cut, samples[i].field, length);
            cut[length] = '\0';
            read_all(cut);
            free(cut);
        }
    }
}

static void takes_so_many_parameters_and_no_more(void)
{
    char field[1000] = "Digest a0=0";
    for (int i = 1; i < MW_MOST_PARAMS; i++)
        snprintf(field + strlen(field), 30, ",a%d=%d", i, i);
    struct mw_challenge c;
    const char *at = field;
    CHECK(mw_challenge_next(&at, &c));
    CHECK(c.count == MW_MOST_PARAMS);
    strcat(field, ",b=1");
    at = field;
    CHECK(!mw_challenge_next(&at, &c));
}

static void finds_by_name_whatever_the_case(void)
{
    struct mw_challenge c;
    char text[40];
    const char *at = "dIGEST rEALM=\"a\\b\", nonce=c";
    CHECK(mw_challenge_next(&at, &c));
    CHECK(mw_challenge_is(&c, "Digest") && !mw_challenge_is(&c, "Digest2") &&
          !mw_challenge_is(&c, "Diges"));
    const struct mw_param *realm = test_need((void *)mw_challenge_find(&c, "Realm"));
    mw_param_text(realm, text);
    CHECK_TEXT(text, "ab");
    CHECK(mw_param_is(realm, "AB") && !mw_param_is(realm, "a") && !mw_param_is(realm, "abc"));
    CHECK(mw_challenge_find(&c, "real") == NULL && mw_challenge_find(&c, "realms") == NULL);
}

static void reads_lists_without_a_scheme(void)
{
    struct mw_challenge c;
    CHECK(mw_params_read("nextnonce=\"a, b\", rspauth=\"c\" , qop=auth", &c));
    CHECK(c.count == 3);
    CHECK(mw_param_is(test_need((void *)mw_challenge_find(&c, "nextnonce")), "a, b"));
    CHECK(mw_params_read("", &c) && c.count == 0);
    CHECK(!mw_params_read("nextnonce=\"a", &c));
    CHECK(!mw_params_read("nextnonce", &c));
    CHECK(!mw_params_read("a=b, Digest c=d", &c));
}

static void quotes_what_needs_it(void)
{
    char text[40];
    *mw_put_quoted(text, "a \"b\" \\c") = '\0';
    CHECK_TEXT(text, "\"a \\\"b\\\" \\\\c\"");
    *mw_put_quoted(text, "") = '\0';
    CHECK_TEXT(text, "\"\"");
}

/* RFC 4648, 10; and RFC 7617, 2. */
static void writes_base64(void)
{
    static const struct sample all[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"Aladdin:open sesame", "QWxhZGRpbjpvcGVuIHNlc2FtZQ=="},
        {"test:123\xc2\xa3", "dGVzdDoxMjPCow=="},
        {"\xff\xfe\xfd\xfb\xf0", "//79+/A="},
    };
    char text[60];
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++) {
        size_t length = strlen(all[i].field);
        char *end = mw_base64_put(text, all[i].field, length);
        *end = '\0';
        CHECK_TEXT(text, all[i].read);
        CHECK(end == text + mw_base64_size(length));
    }
}

int main(void)
{
    TEST(reads_what_a_field_holds);
    TEST(reads_any_beginning_of_a_field);
    TEST(takes_so_many_parameters_and_no_more);
    TEST(finds_by_name_whatever_the_case);
    TEST(reads_lists_without_a_scheme);
    TEST(quotes_what_needs_it);
    TEST(writes_base64);
    return test_end();
}
