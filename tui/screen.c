#include "tui/screen.h"

#include <errno.h>
#include <langinfo.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>

#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <term.h>

enum { CTRL_L = 12, ESCAPE_MS = 25 };

struct screen {
    SCREEN *curses;
    bool has_colours;
    struct frame shown; /* what curses was told last */
};

/* What a signal handler needs to give the terminal back. A handler has no other way to it. */
static struct {
    struct termios before;
    char leave[96];
} rescue;

/* How a style looks with colours, and what marks it without. -1 is the terminal's own colour. */
/* clang-format off */
static const struct {
    short colour;
    attr_t coloured, plain;
} looks[STYLE_COUNT] = {
    [STYLE_TEXT]   = {-1,           A_NORMAL,  A_NORMAL},
    [STYLE_DIM]    = {-1,           A_DIM,     A_DIM},
    [STYLE_STRONG] = {-1,           A_BOLD,    A_BOLD},
    [STYLE_TITLE]  = {COLOR_CYAN,   A_BOLD,    A_BOLD},
    [STYLE_BAR]    = {COLOR_CYAN,   A_NORMAL,  A_NORMAL},
    [STYLE_GOOD]   = {COLOR_GREEN,  A_NORMAL,  A_NORMAL},
    [STYLE_WARN]   = {COLOR_YELLOW, A_NORMAL,  A_NORMAL},
    [STYLE_BAD]    = {COLOR_RED,    A_BOLD,    A_BOLD},
    [STYLE_MARK]   = {-1,           A_REVERSE, A_REVERSE},
};
/* clang-format on */

bool screen_is_ascii(void)
{
    const char *term = getenv("TERM");

    /* The font of the Linux console has no braille; some locales make lines two columns wide. */
    return strcmp(nl_langinfo(CODESET), "UTF-8") != 0 || (term && !strcmp(term, "linux")) ||
           wcwidth(0x2501) != 1 || wcwidth(0x28ff) != 1;
}

static void give_back(int number)
{
    ssize_t ignored = write(STDOUT_FILENO, rescue.leave, strlen(rescue.leave));

    (void)ignored;
    tcsetattr(STDIN_FILENO, TCSANOW, &rescue.before);
    raise(number); /* SA_RESETHAND: now it does what it always did */
}

static void add_string(char *out, size_t size, const char *capability)
{
    char name[8];
    size_t n = strlen(out);

    snprintf(name, sizeof(name), "%s", capability);
    const char *text = tigetstr(name);
    /* (char *)-1 is terminfo's "no string" */
    if (text && (intptr_t)text != -1 && n + strlen(text) < size)
        memcpy(out + n, text, strlen(text) + 1);
}

static void prepare_rescue(void)
{
    static const int deadly[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
    struct sigaction action = {.sa_handler = give_back, .sa_flags = (int)SA_RESETHAND};

    rescue.leave[0] = 0;
    add_string(rescue.leave, sizeof(rescue.leave), "sgr0");
    add_string(rescue.leave, sizeof(rescue.leave), "cnorm");
    add_string(rescue.leave, sizeof(rescue.leave), "rmkx");
    add_string(rescue.leave, sizeof(rescue.leave), "rmcup");
    for (size_t i = 0; i < sizeof(deadly) / sizeof(*deadly); i++)
        sigaction(deadly[i], &action, NULL);
}

static void start_colours(struct screen *s)
{
    const char *no_colour = getenv("NO_COLOR");

    s->has_colours = has_colors() && !(no_colour && no_colour[0]) && start_color() == OK &&
                     use_default_colors() == OK;
    for (short i = 0; s->has_colours && i < STYLE_COUNT; i++)
        init_pair((short)(i + 1), looks[i].colour, -1);
}

int screen_open(struct screen **out, struct err *err)
{
    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) || tcgetattr(STDIN_FILENO, &rescue.before))
        return err_set(err, ERR_CONFIG, "standard input is no terminal (--plain needs none)");
    struct screen *s = calloc(1, sizeof(*s));
    if (!s)
        return err_set(err, ERR_NOMEM, "no memory for the screen");
    s->curses = newterm(NULL, stdout, stdin);
    if (!s->curses) {
        free(s);
        return err_set(err, ERR_CONFIG,
                       "the terminal is of an unknown kind: set TERM, or use --plain");
    }
    prepare_rescue();
    start_colours(s);
    cbreak();
    noecho();
    nonl();
    curs_set(0);
    keypad(stdscr, TRUE);
    nodelay(stdscr, TRUE);
    set_escdelay(ESCAPE_MS);
    *out = s;
    return 0;
}

void screen_close(struct screen *s)
{
    if (!s)
        return;
    endwin();
    delscreen(s->curses);
    frame_release(&s->shown);
    free(s);
}

void screen_size(const struct screen *s, int *rows, int *cols)
{
    (void)s;
    getmaxyx(stdscr, *rows, *cols);
}

/* After a new size nothing on the terminal can be trusted. */
static void forget(struct screen *s)
{
    frame_release(&s->shown);
    clearok(curscr, TRUE);
    erase();
}

static int named_key(wint_t key)
{
    static const struct {
        wint_t curses;
        int ours;
    } keys[] = {
        {KEY_UP,        VIEW_KEY_UP       },
        {KEY_DOWN,      VIEW_KEY_DOWN     },
        {KEY_LEFT,      VIEW_KEY_LEFT     },
        {KEY_RIGHT,     VIEW_KEY_RIGHT    },
        {KEY_PPAGE,     VIEW_KEY_PAGE_UP  },
        {KEY_NPAGE,     VIEW_KEY_PAGE_DOWN},
        {KEY_HOME,      VIEW_KEY_HOME     },
        {KEY_END,       VIEW_KEY_END      },
        {KEY_BTAB,      VIEW_KEY_BACK_TAB },
        {KEY_BACKSPACE, VIEW_KEY_BACKSPACE},
        {KEY_ENTER,     VIEW_KEY_ENTER    },
        {KEY_RESIZE,    SCREEN_KEY_RESIZED},
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
        if (keys[i].curses == key)
            return keys[i].ours;
    return 0; /* a key that means nothing here */
}

int screen_key(struct screen *s)
{
    wint_t key;
    int kind;

    errno = 0;
    kind = get_wch(&key);
    if (kind == ERR)
        return errno == EIO ? SCREEN_KEY_GONE : SCREEN_KEY_NONE;
    if (kind == KEY_CODE_YES) {
        if (key == KEY_RESIZE)
            forget(s);
        return named_key(key);
    }
    switch (key) {
    case CTRL_L: forget(s); return SCREEN_KEY_RESIZED;
    case '\b': return VIEW_KEY_BACKSPACE;
    case '\n': return VIEW_KEY_ENTER;
    default: return key < 128 ? (int)key : 0;
    }
}

static attr_t look_of(const struct screen *s, uint32_t style, short *pair)
{
    uint32_t plain = style & ~(uint32_t)STYLE_FADED;
    bool is_faded = style & STYLE_FADED;
    attr_t attributes = s->has_colours ? looks[plain].coloured : looks[plain].plain;

    *pair = 0;
    if (s->has_colours && !is_faded)
        *pair = (short)(plain + 1);
    return is_faded ? A_DIM | (attributes & A_REVERSE) : attributes;
}

static void draw_cell(const struct screen *s, int row, int col, const struct cell *cell)
{
    wchar_t text[2] = {cell->ch ? (wchar_t)cell->ch : L' ', 0};
    cchar_t character;
    short pair;
    attr_t attributes = look_of(s, cell->style, &pair);

    if (setcchar(&character, text, attributes, pair, NULL) == OK)
        mvadd_wch(row, col,
                  &character); /* ERR only for the last cell, which is drawn all the same */
}

void screen_show(struct screen *s, const struct frame *f)
{
    bool is_same_size = s->shown.rows == f->rows && s->shown.cols == f->cols;

    if (!is_same_size) {
        frame_release(&s->shown);
        frame_init(&s->shown, f->rows, f->cols, f->is_ascii);
        erase();
    }
    for (int i = 0; i < f->rows * f->cols; i++)
        if (f->cells[i].ch != s->shown.cells[i].ch ||
            f->cells[i].style != s->shown.cells[i].style) {
            draw_cell(s, i / f->cols, i % f->cols, &f->cells[i]);
            s->shown.cells[i] = f->cells[i];
        }
    wnoutrefresh(stdscr);
    doupdate();
}
