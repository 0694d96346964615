#include "tui/panels.h"

enum { HELP_COLS = 74, KEY_COLS = 12 };

static const struct {
    const char *key, *what;
} lines[] = {
    {"Keys",                  NULL                                                        },
    {"h ?",                   "this page; any key closes it, arrows scroll it"            },
    {"q",                     "quit; the work goes on"                                    },
    {"Tab",                   "next list: flagged, set aside, workers"                    },
    {"↑ ↓",               "scroll the list, also PgUp, PgDn, Home and End"            },
    {"← →",               "another machine, or all together"                          },
    {"/",                     "filter the lists as you type; Enter keeps, Esc clears"     },
    {"s",                     "next sort order of the list"                               },
    {"p",                     "hold the picture still; the work goes on"                  },
    {"",                      NULL                                                        },
    {"What the figures mean", NULL                                                        },
    {"open",                  "received, but not yet done, set aside or cancelled"        },
    {"flagged",               "urgent and review: images that a doctor should see"        },
    {"retake",                "unusable picture: the clinic should take a new one"        },
    {"busy",                  "share of a stage's lanes at work in the last seconds"      },
    {"ms/item",               "working time for one image (report: one study)"            },
    {"waiting",               "items in front of the stage"                               },
    {"lanes",                 "how many items the stage works on side by side"            },
    {"ready",                 "in the queue, not yet handed to a machine"                 },
    {"leased",                "handed out and not yet finished"                           },
    {"malignant",             "melanoma, basal-cell carcinoma and actinic keratosis"      },
    {"case",                  "upload / study / image: our own numbers, no patient's name"},
    {"–",                   "not known"                                                 },
};
enum { LINES = sizeof(lines) / sizeof(*lines) };

int panel_help_rows(void)
{
    return LINES;
}

void panel_help(struct frame *f, struct area at, const struct view *view)
{
    struct area page = at, inner;

    page.cols = at.cols < HELP_COLS ? at.cols : HELP_COLS;
    page.col = at.col + (at.cols - page.cols) / 2;
    page.rows = at.rows < LINES + 2 ? at.rows : LINES + 2;
    page.row = at.row + (at.rows - page.rows) / 3;
    frame_clear(f, page);
    struct pen p = pen_on(f, page);
    pen_field(&p, STYLE_MARK, page.cols, "  lentigo top: help");
    inner = (struct area){page.row, page.col + 2, page.rows, page.cols - 4};
    p = pen_on(f, inner);
    for (int i = 0; i + 1 < page.rows; i++) {
        int n = view->help_top + i;
        pen_move(&p, i + 1, 0);
        if (n < LINES && lines[n].what) {
            pen_field(&p, STYLE_STRONG, KEY_COLS, lines[n].key);
            pen_field(&p, STYLE_TEXT, inner.cols - KEY_COLS, lines[n].what);
        } else {
            pen_field(&p, STYLE_TITLE, inner.cols, n < LINES ? lines[n].key : "");
        }
    }
}
