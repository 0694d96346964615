/* demo_scene.h -- what one synthetic dermoscopy picture shows, and its drawing.
 *
 * A scene is chosen by chance from what is asked of it (asymmetry, sharp octants, colours) and then
 * drawn; so the truth is known before a pixel is. Lengths are in units of 1/450 of the picture's
 * height, so that a scene looks alike at every size. */
#ifndef CLI_DEMO_SCENE_H
#define CLI_DEMO_SCENE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cli/demo_random.h"
#include "common/err.h"

/* The six colours of dermoscopy (ABCD rule; Nachbar et al. 1994). */
enum demo_colour {
    DEMO_WHITE,
    DEMO_RED,
    DEMO_LIGHT_BROWN,
    DEMO_DARK_BROWN,
    DEMO_BLUE_GREY,
    DEMO_BLACK,
    DEMO_COLOURS
};

enum { DEMO_HARMONICS = 7, DEMO_ZONES = 6, DEMO_OCTANTS = 8 };

enum demo_structure { DEMO_PLAIN, DEMO_NETWORK, DEMO_GLOBULES, DEMO_STREAKS };

/* A patch of one colour inside the lesion, in the lesion's own disc of radius 1. */
struct demo_zone {
    enum demo_colour colour;
    float x, y, radius;
};

struct demo_lesion {
    float x, y, radius;                /* centre and mean radius */
    float angle, flatness;             /* main axis, rad; minor by major axis */
    float cosine[DEMO_HARMONICS];      /* of the outline over the angle from the main axis */
    float sine[DEMO_HARMONICS];        /* zero where the outline mirrors at the main axis */
    float fade[DEMO_OCTANTS];          /* width of the border, in radii; octant 0 begins at +x */
    struct demo_zone zone[DEMO_ZONES]; /* the first one covers all */
    int zones;
    enum demo_structure structure;
    /* truth */
    int asymmetry; /* 0, 1, 2: axes at which neither outline nor colours mirror */
    int border;    /* 0..8: octants with a sharp border */
};

struct demo_scene {
    int w, h;
    uint32_t noise; /* seed of everything that demo_noise draws */
    int skin_type;  /* 1..6, lighter to darker (Fitzpatrick) */
    float tint[3];  /* of the lamp, around 1 */
    float density;  /* of network and pores, around 1 */
    float freckles; /* 0..1 */
    struct demo_lesion lesion;
    int hairs;
    bool is_hair_fair;
    int bubbles;
    bool has_ruler, has_ink, has_sticker, has_vignette;
    bool is_blurred;   /* out of focus beyond use */
    float mm_per_unit; /* field of view */
};

/* What a scene must be; the rest is left to chance. */
struct demo_wish {
    int w, h;
    int skin_type, asymmetry, border, colours;
};

void demo_scene_choose(struct demo_scene *s, const struct demo_wish *wish, struct demo_random *r);

/* The lesion's part of it (demo_lesion.c). */
void demo_lesion_choose(struct demo_lesion *l, const struct demo_wish *wish, struct demo_random *r);

/* Bit k: colour k of enum demo_colour is shown. */
unsigned demo_lesion_colours(const struct demo_lesion *l);
const char *demo_colour_word(enum demo_colour c);

struct demo_picture {
    int w, h;
    uint8_t *rgb;   /* h,w,3 */
    uint8_t *mask;  /* h,w: 1 where the lesion is, under hair and vignette too */
    uint8_t *layer; /* h,w: cover of the strokes being drawn, 0..255 */
    size_t lesion_px, hair_px;
    bool touches_border;
};

/* ERR_NOMEM. The caller ends it with demo_picture_release, also after a failure. */
int demo_picture_draw(struct demo_picture *p, const struct demo_scene *s, struct err *err);
void demo_picture_release(struct demo_picture *p); /* safe on a zeroed one */

/* The skin's colour at (x, y) units, 0..1 per channel (demo_skin.c). */
void demo_skin_colour(const struct demo_scene *s, float x, float y, float rgb[3]);

/* Lay the lesion over `rgb`; returns its cover there, 0..1; over 0.5 is lesion (demo_lesion.c). */
float demo_lesion_lay(const struct demo_scene *s, float x, float y, float rgb[3]);

/* Ink, hair, bubbles, ruler, sticker, blur, vignette, in this order (demo_artifacts.c). */
void demo_artifacts_draw(struct demo_picture *p, const struct demo_scene *s, struct demo_random *r);

#endif
