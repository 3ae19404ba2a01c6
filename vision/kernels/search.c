/* The search of the joint fit: round after round every disc is moved to where the profile learned from all of them fits
   best. Twin of the numpy loop in discs; the last solution is made there. */
#include "kernels.h"

enum { COLUMNS = 6, HEIGHT = COLUMNS + 2, AMPLITUDE = 4 };

static int rising(const void *one, const void *two) {
    double a = *(const double *)one, b = *(const double *)two;
    return (a > b) - (a < b);
}

/* Shortens a step to a length. */
static void clipped(double *step, double limit) {
    double length = sqrt(step[0] * step[0] + step[1] * step[1]), by = fmin(1.0, limit / fmax(length, 1e-9));
    step[0] *= by, step[1] *= by;
}

/* Level over the radius: `columns` (knots, steps) times a profile. */
WIDE static void over_radius(const float *restrict columns, const double *profile, int64_t knots, int64_t steps,
                             float *restrict level) {
    memset(level, 0, (size_t)steps * sizeof *level);
    for (int64_t k = 0; k < knots; k++) {
        float by = (float)profile[k];
        for (int64_t s = 0; s < steps; s++) level[s] += by * columns[k * steps + s];
    }
}

/* Where the window of every point lies, which sub-pixel place it has, the point that this stands for, and its number
   among the places that occur, which are `listed`; returns how many. */
int64_t cut_at(const double *centres, int64_t count, const double *phase_px, int64_t phases, int64_t half,
               int64_t *corner, int64_t *phase, double *origin, int64_t *slot, int64_t *listed) {
    int64_t per_axis = (int64_t)lrint(sqrt((double)phases)), bin[2], used = 0;
    for (int64_t p = 0; p < phases; p++) listed[p] = 0;
    for (int64_t disc = 0; disc < count; disc++) {
        for (int axis = 0; axis < 2; axis++) {
            double nearest = rounded(centres[2 * disc + axis]);
            bin[axis] = between(0, (int64_t)((centres[2 * disc + axis] - nearest + 0.5) * (double)per_axis), per_axis - 1);
            corner[2 * disc + axis] = (int64_t)nearest - half;
        }
        phase[disc] = bin[1] * per_axis + bin[0];
        listed[phase[disc]] = 1;
        for (int axis = 0; axis < 2; axis++)
            origin[2 * disc + axis] = (double)(corner[2 * disc + axis] + half) + phase_px[2 * phase[disc] + axis];
    }
    for (int64_t p = 0, next = 0; p < phases; p++) /* numbers where there were marks */
        listed[p] = listed[p] ? next++ : -1;
    for (int64_t disc = 0; disc < count; disc++) slot[disc] = listed[phase[disc]];
    for (int64_t p = 0; p < phases; p++)
        if (listed[p] >= 0) listed[used++] = p;
    return used;
}

/* Discs that look like the rest; where hardly any does, the better quarter. */
static void chosen_members(const double *amplitude, const double *match, int64_t count, const search_limits *limits,
                           double *work, uint8_t *members) {
    int64_t number = 0, least = count / 8 > 4 ? count / 8 : 4, quarter = count / 4 > 4 ? count / 4 : 4;
    for (int64_t k = 0; k < count; k++) number += members[k] = match[k] > limits->match && amplitude[k] > limits->amplitude;
    if (number >= least) return;
    memcpy(work, match, (size_t)count * sizeof *work);
    qsort(work, (size_t)count, sizeof *work, rising);
    for (int64_t k = 0; k < count; k++) members[k] = match[k] >= work[quarter < count ? count - quarter : 0];
}

static int is_settled(const double *step, const uint8_t *members, int64_t count, const search_limits *limits) {
    double together[2] = {0.0, 0.0};
    int64_t number = 0, still = 0;
    for (int64_t k = 0; k < count; k++) {
        if (!members[k]) continue;
        number++;
        together[0] += step[2 * k], together[1] += step[2 * k + 1];
        still += step[2 * k] * step[2 * k] + step[2 * k + 1] * step[2 * k + 1] < limits->settled * limits->settled;
    }
    double most = fmax(fabs(together[0]), fabs(together[1])) / (double)number;
    return most < limits->together && (double)still >= 0.95 * (double)number;
}

/* Up to limits->rounds rounds; `given` is a profile to search with, of no length where it is learned. `centres` and
   `members` come out as they are for the last solution. */
int64_t searched(const uint8_t *pixels, int64_t rows, int64_t cols, int64_t stride, const double *start, int64_t count,
                 const window_layout *window, const double *given, int64_t given_knots, const search_limits *limits,
                 double *centres, uint8_t *members) {
    int64_t phases = window->phases, size = window->size, steps = window->steps, half = (window->side - 1) / 2;
    int64_t padded = (size + LANES - 1) / LANES * LANES;
    size_t reals = (size_t)(window->knots + count * (2 + 2 + HEIGHT + 4) + phases + steps);
    size_t wholes = (size_t)(count * 4 + phases), singles = (size_t)(2 * steps + phases * (HEIGHT + COLUMNS) * padded);
    double *profile = malloc((reals + wholes) * sizeof *profile + singles * sizeof(float));
    if (!profile) return -1;
    double *origin = profile + window->knots, *step = origin + 2 * count, *answers = step + 2 * count;
    double *squares = answers + HEIGHT * count, *amplitude = squares + count, *match = amplitude + count;
    double *work = match + count, *spread = work + count, *along = spread + phases;
    int64_t *corner = (int64_t *)(along + steps), *phase = corner + 2 * count, *slot = phase + count;
    int64_t *listed = slot + count;
    float *level = (float *)(listed + phases), *slope = level + steps, *answering = slope + steps;
    float *design = answering + phases * HEIGHT * padded;
    double low = (double)half + 0.5, high[2] = {(double)cols - 1.0 - low, (double)rows - 1.0 - low};
    int64_t failed = 0;
    memcpy(centres, start, (size_t)(2 * count) * sizeof *centres);
    memset(members, 1, (size_t)count);
    for (int64_t round = 0; (double)round < limits->rounds && !failed; round++) {
        int64_t used = cut_at(centres, count, window->phase_px, phases, half, corner, phase, origin, slot, listed);
        if (given_knots)
            memcpy(profile, given, (size_t)window->knots * sizeof *profile);
        else
            failed |= learned_profile(pixels, rows, cols, stride, corner, count, phase, members, window->side,
                                      window->step, window->index, phases, size, window->table, window->knots,
                                      window->known, window->gram, window->stiffness, profile);
        over_radius(window->levels, profile, window->knots, steps, level);
        over_radius(window->slopes, profile, window->knots, steps, slope);
        failed |= operators(window->cos, window->sin, window->inside, window->index, size, listed, used, level, slope,
                            level, window->per_px, 0, &(ground_layout){.share = NULL}, answering, COLUMNS, padded, spread, design, along, steps);
        failed |= window_answers(pixels, rows, cols, stride, corner, count, slot, window->side, window->step, answering,
                                 used, HEIGHT, padded, answers, squares);
        for (int64_t k = 0; k < count; k++) {
            const double *told = answers + HEIGHT * k;
            double safe = fabs(told[AMPLITUDE]) > 0.05 ? told[AMPLITUDE] : 0.05;
            double to[2] = {told[0] / safe, told[1] / safe};
            amplitude[k] = told[AMPLITUDE];
            match[k] = told[COLUMNS] / (sqrt(fmax(squares[k] - told[HEIGHT - 1] * told[HEIGHT - 1], 1e-6)) * spread[slot[k]]);
            clipped(to, limits->step_px);
            for (int axis = 0; axis < 2; axis++) to[axis] += origin[2 * k + axis] - start[2 * k + axis];
            clipped(to, limits->move_px);
            for (int axis = 0; axis < 2; axis++) {
                double moved = fmax(low, fmin(start[2 * k + axis] + to[axis], high[axis]));
                step[2 * k + axis] = moved - centres[2 * k + axis];
                centres[2 * k + axis] = moved;
            }
        }
        chosen_members(amplitude, match, count, limits, work, members);
        if (is_settled(step, members, count, limits)) break;
    }
    free(profile);
    return failed;
}
