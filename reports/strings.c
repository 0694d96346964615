#include "reports/strings.h"

static const char *const texts[S_COUNT][LANGUAGE_COUNT] = {
#define X(name, en, zh) [S_##name] = {en, zh},
    STRINGS_MAP(X)
#undef X
};

/* clang-format off */
static const char *const reasons_zh[REASON_COUNT] = {
    [REASON_NONE] = "无",
    [REASON_EMPTY] = "文件为空。请重新导出或复制该图像。",
    [REASON_UNREADABLE] = "文件无法读取。请检查权限和磁盘。",
    [REASON_NOT_AN_IMAGE] = "该文件不是图像。请提交 JPEG、PNG、TIFF、WebP 或 HEIC。",
    [REASON_UNSUPPORTED] = "不支持此类图像。请导出为 JPEG 或 PNG。",
    [REASON_TRUNCATED] = "文件不完整。请从相机重新复制。",
    [REASON_DAMAGED] = "图像已损坏。请重新导出或重新拍摄。",
    [REASON_TOO_LARGE] = "图像像素过多。请导出较小的图像。",
    [REASON_TOO_SMALL] = "图像像素过少。请重新拍摄。",
    [REASON_TOO_MANY_PAGES] = "文件中有多张图像。请每个文件只放一张。",
    [REASON_DECODE_TIMEOUT] = "打开图像耗时过长。请导出为 JPEG。",
    [REASON_DECODE_MEMORY] = "打开图像占用内存过多。请导出为 JPEG。",
    [REASON_DECODE_CRASH] = "打开图像三次失败。请导出为 JPEG。",
    [REASON_CRASH] = "程序处理该图像三次失败。请报告此问题。",
    [REASON_UNEXPLAINED] = "程序处理该图像时十次中止。请报告此问题。",
    [REASON_MISSING_FILE] = "清单所列文件不存在。请补交该文件。",
    [REASON_SPECIAL_FILE] = "不是普通文件（链接、管道或设备），未打开。",
    [REASON_CHANGED] = "文件在提交后被更改。请重新提交。",
    [REASON_UNLISTED] = "清单未列出该文件。请在清单中补一行后重新提交。",
    [REASON_INTERNAL] = "程序无法处理该图像。请报告此问题。",
};
/* clang-format on */

enum language language_of(const char *word)
{
    return strcmp(word, "zh") ? LANGUAGE_EN : LANGUAGE_ZH;
}

const char *string_of(enum language l, enum string id)
{
    return texts[id][l];
}

void string_fill(struct buf *out, enum language l, enum string id, int n,
                 const char *const values[])
{
    const char *text = string_of(l, id);

    while (*text) {
        size_t plain = strcspn(text, "{");
        buf_add(out, text, plain);
        text += plain;
        if (!*text)
            return;
        int k = text[1] - '1';
        if (k >= 0 && k < n && text[2] == '}') {
            buf_add_text(out, values[k]);
            text += 3;
        } else {
            buf_add(out, text++, 1);
        }
    }
}

const char *string_of_reason(enum language l, enum reason r)
{
    if (r >= REASON_COUNT)
        r = REASON_INTERNAL;
    return l == LANGUAGE_ZH ? reasons_zh[r] : reason_text(r);
}
