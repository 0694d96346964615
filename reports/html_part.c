#include "reports/html_part.h"

#include "common/text.h"
#include "reports/words.h"

void html_raw(struct html *h, const char *markup)
{
    buf_add_text(h->out, markup);
}

void html_string(struct html *h, enum string id)
{
    text_add_html(h->out, string_of(h->language, id));
}

void html_outside(struct html *h, const char *text)
{
    struct buf clean;

    buf_init(&clean, 1 << 20);
    words_outside(&clean, text);
    html_buf(h, &clean);
}

void html_buf(struct html *h, struct buf *text)
{
    if (text->len)
        text_add_html(h->out, text->data);
    if (text->failed && !h->out->failed)
        h->out->failed = text->failed;
    buf_release(text);
}

void html_element(struct html *h, const char *open, enum string id)
{
    buf_printf(h->out, "<%s>", open);
    html_string(h, id);
    buf_printf(h->out, "</%.*s>\n", (int)strcspn(open, " "), open);
}

void html_link_path(struct html *h, const char *path)
{
    for (const unsigned char *s = (const unsigned char *)path; *s; s++) {
        bool stays = (*s >= '0' && *s <= '9') || (*s >= 'A' && *s <= 'Z') ||
                     (*s >= 'a' && *s <= 'z') || strchr("-_.~/", *s);
        if (stays)
            buf_add(h->out, s, 1);
        else
            buf_printf(h->out, "%%%02X", *s);
    }
}

void html_base64(struct html *h, const void *bytes, size_t n)
{
    text_add_base64(h->out, bytes, n);
}

void html_css_string(struct buf *out, const char *text)
{
    struct buf clean;

    buf_init(&clean, 1 << 16);
    words_outside(&clean, text);
    buf_add_text(out, "\"");
    for (size_t i = 0; i < clean.len; i++) {
        unsigned char c = (unsigned char)clean.data[i];
        bool stays = c >= 0x80 || c == ' ' || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') ||
                     (c >= 'a' && c <= 'z');
        if (stays)
            buf_add(out, &c, 1);
        else
            buf_printf(out, "\\%06x", c);
    }
    buf_add_text(out, "\"");
    buf_release(&clean);
}

void html_head(struct html *h, const char *title, const char *extra_style,
               enum html_pictures pictures)
{
    buf_printf(h->out,
               "<!DOCTYPE html>\n<html lang=\"%s\">\n<head>\n<meta charset=\"utf-8\">\n"
               "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
               "img-src %s; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'\">\n",
               string_of(h->language, S_LANG),
               pictures == HTML_OWN_PICTURES ? "data:" : "'self' file:");
    html_raw(h, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
                "<meta name=\"referrer\" content=\"no-referrer\">\n<title>");
    html_outside(h, title);
    html_raw(h, "</title>\n<style>\n");
    html_raw(h, html_style);
    if (extra_style)
        html_raw(h, extra_style);
    html_raw(h, "</style>\n</head>\n<body>\n");
}

void html_tail(struct html *h)
{
    html_raw(h, "</body>\n</html>\n");
}
