/* What the kernels share: the sizes of numpy's arrays, and code built twice where the processor may have wide registers.

   Sums run in a fixed number of lanes and products are not contracted (-ffp-contract=off): the same bits come out on
   every processor, whichever copy of a function it runs. */
#ifndef VISION_KERNELS_H
#define VISION_KERNELS_H

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GLIBC__) && !defined(NARROW)
#define WIDE __attribute__((target_clones("avx2", "default")))
#else
#define WIDE
#endif

typedef float lanes __attribute__((vector_size(32)));
enum { LANES = 8, UNKNOWNS_MOST = 16 };

/* To the nearest whole number, ties to the even one as numpy has them; an instruction where rint() is a call. */
static inline double rounded(double value) {
    return fabs(value) < 1e15 ? (double)lrint(value) : value;
}

static inline int64_t between(int64_t low, int64_t value, int64_t high) {
    return value < low ? low : value > high ? high : value;
}

void thinned_levels(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, int64_t step, int64_t sparse,
                    uint8_t *small, int64_t *counts);
int64_t summits(const uint8_t *small, int64_t rows, int64_t cols, int64_t ground, int64_t half, int64_t reach,
                double *found, int64_t most);
int64_t nearest_within(const double *points, int64_t count, const double *targets, int64_t target_count, double radius,
                       int64_t *nearest);
int64_t best_places(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const double *starts,
                    int64_t count, const float *template, int64_t side, int64_t reach, double *found);
void mean_levels(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const double *points, int64_t count,
                 const double *offsets, int64_t places, double *mean);
void gap_levels(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const double *centres,
                const int64_t *pairs, int64_t count, double rim, int64_t steps, double *levels);

int64_t learned_profile(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const int64_t *corner,
                        int64_t count, const int64_t *phase, const uint8_t *chosen, int64_t side, int64_t step,
                        const int32_t *index, int64_t phases, int64_t size, const float *table, int64_t knots,
                        int64_t known, const double *gram, const double *stiffness, double *profile);

/* Ground beside a disc: how much of it shows by radius (NULL: none), and its slopes, which go with powers of it. */
typedef struct {
    const float *share;
    int64_t slopes;
    double reach, weight;
} ground_layout;

int64_t operators(const float *cos, const float *sin, const float *inside, const int32_t *index, int64_t size,
                  const int64_t *phases, int64_t listed, const float *level, const float *slope, const float *lit,
                  double per_px, int64_t is_final, const ground_layout *ground, float *rows, int64_t width,
                  int64_t padded, double *spread, float *design, double *along, int64_t steps);
int64_t window_answers(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const int64_t *corner,
                       int64_t count, const int64_t *slot, int64_t side, int64_t step, const float *operators,
                       int64_t slots, int64_t height, int64_t padded, double *answers, double *squares);
int64_t window_scatter(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const int64_t *corner,
                       int64_t count, const int64_t *slot, const uint8_t *chosen, int64_t side, int64_t step,
                       const float *operators, const float *design, int64_t slots, int64_t width, int64_t padded,
                       const double *answers, int64_t most, double *variances);

int64_t lattice_places(const double *points, int64_t count, double pitch, int64_t every, double near, int64_t *index,
                       uint8_t *is_on);
int64_t best_shift(const int64_t *index, int64_t count, const int64_t *stencil, int64_t rows, int64_t cols,
                   int64_t *shift);

double middle(double *values, int64_t count);
void solved_equations(double *matrix, const double *right, int64_t n, double *answer);
void inverted(double *matrix, int64_t n);
void normal_equations(const double *design, int64_t count, int64_t n, const double *weight, double *normal);
void least_squares(const double *design, int64_t count, int64_t n, const double *values, int64_t columns,
                   const double *weight, double *answer);

/* What the sectors of an outline are fitted against, as vision.rim packs it. */
typedef struct {
    double shift[2], blur, ground, step, light[2], noise[2], outer;
    double per_z, middle, places; /* of the tables of the edge */
    double level_ratio;
} sector_state;

void cell_means(const uint8_t *pixels, int64_t stride, int64_t col, int64_t row, const int64_t *dx, const int64_t *dy,
                const int64_t *cell, int64_t count, const double *number, int64_t cells, double *mean);
int64_t fitted_sectors(const double *mean, const double *number, const double *depth, const double *spread,
                       const double *x, const double *y, int64_t sectors, int64_t steps, const double *moved,
                       const sector_state *at, const double *rise, const double *bell, double *local,
                       double *covariance, double *misfit, double *wider);
int64_t trusted_sectors(const double *geometry, int64_t sectors, int64_t n, const double *local, const double *misfit,
                        double misfit_most, double outlier, double least, uint8_t *good);
void moved_outline(const double *geometry, int64_t count, int64_t n, const double *place, const double *misfit,
                   const double *waves, int64_t wave_count, double doubted, double *change, double *figures);

/* A window laid out for its sub-pixel places: see vision.windows.Window. */
typedef struct {
    const double *phase_px, *gram, *stiffness;
    const int32_t *index;
    const float *cos, *sin, *inside;
    const float *table, *levels, *slopes; /* (steps, knots), and levels and slopes as (knots, steps) */
    int64_t phases, size, steps, knots, known, side, step;
    double per_px;
} window_layout;

/* As vision.discs packs them. */
typedef struct {
    double rounds, step_px, move_px, match, amplitude, settled, together;
} search_limits;

int64_t cut_at(const double *centres, int64_t count, const double *phase_px, int64_t phases, int64_t half,
               int64_t *corner, int64_t *phase, double *origin, int64_t *slot, int64_t *listed);
int64_t searched(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const double *start, int64_t count,
                 const window_layout *window, const double *given, int64_t given_knots, const search_limits *limits,
                 double *centres, uint8_t *members);

/* As vision.one_sided packs it: radius and point spread (px), what of the matt light the profile itself shows, how much of
   it is matt, radius and depth of the dark core. */
typedef struct {
    double radius, blur, followed, matt, core, depth;
} lit_light;

void lit_levels(const float *level, int64_t count, double step, const double *soft, int64_t soft_count,
                double soft_step, int64_t face, const lit_light *light, const double *sigma, float *lit,
                double *open_parts);
int64_t light_change(const double *centres, int64_t count, const double *final, int64_t width, const uint8_t *members,
                     double *change);
int64_t ended_discs(const double *final, int64_t count, int64_t width, const double *origin, const double *start,
                    const uint8_t *members, const double *change, const double *reads, double limit, int64_t is_relative,
                    double *centres, double *found);

int64_t rigid_fit(const double *model, const double *seen, int64_t count, const double *weight, const double *sigma,
                  int64_t sigmas, double ratio, int64_t minimum, int64_t rounds, uint8_t *used, double *residual,
                  double *figures, double *covariance);
int64_t similar_fit(const double *model, const double *seen, int64_t count, double ratio, double least,
                    int64_t minimum, int64_t rounds, double *figures);

#endif
