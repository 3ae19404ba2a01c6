/* What the last solution of the joint fit says of every disc: its place without what only looks like a shift, its
   brightness, size and oval. Twins of the numpy code in discs. */
#include "kernels.h"

enum { FIELD = 6, SHIFT_X = 0, TILT_X = 2, AMPLITUDE = 4, SIZE = 6, OVAL_X = 7 };

/* Relative change of the light per pixel at every disc, `change` (count, 2): of a quadratic field through the amplitudes
   of the members, which are column AMPLITUDE of `final` (count, width). */
int64_t light_change(const double *centres, int64_t count, const double *final, int64_t width, const uint8_t *members,
                     double *change) {
    double *field = malloc((size_t)(count * (FIELD + 2)) * sizeof *field), light[FIELD], middle_of[2] = {0.0, 0.0};
    if (!field) return -1;
    double *amplitude = field + FIELD * count, *weight = amplitude + count, number = 0.0;
    double low[2] = {INFINITY, INFINITY}, high[2] = {-INFINITY, -INFINITY};
    for (int64_t k = 0; k < count; k++) {
        amplitude[k] = final[k * width + AMPLITUDE], weight[k] = (double)members[k], number += weight[k];
        for (int axis = 0; axis < 2 && members[k]; axis++) {
            double at = centres[2 * k + axis];
            middle_of[axis] += at, low[axis] = at < low[axis] ? at : low[axis], high[axis] = at > high[axis] ? at : high[axis];
        }
    }
    double reach = fmax(fmax(high[0] - low[0], high[1] - low[1]), 1.0);
    for (int64_t k = 0; k < count; k++) {
        double x = (centres[2 * k] - middle_of[0] / number) / reach, y = (centres[2 * k + 1] - middle_of[1] / number) / reach;
        double row[FIELD] = {1.0, x, y, x * x, x * y, y * y};
        memcpy(field + FIELD * k, row, sizeof row);
    }
    least_squares(field, count, FIELD, amplitude, 1, weight, light);
    for (int64_t k = 0; k < count; k++) {
        const double *row = field + FIELD * k;
        double level = 0.0;
        for (int i = 0; i < FIELD; i++) level += row[i] * light[i];
        double per = (level > 0.1 ? level : 0.1) * reach;
        change[2 * k] = (light[1] + 2.0 * light[3] * row[1] + light[4] * row[2]) / per;
        change[2 * k + 1] = (light[2] + light[4] * row[1] + 2.0 * light[5] * row[2]) / per;
    }
    free(field);
    return 0;
}

static void clipped(double *step, double limit) {
    double length = sqrt(step[0] * step[0] + step[1] * step[1]), by = limit / (length > 1e-9 ? length : 1e-9);
    if (by < 1.0) step[0] *= by, step[1] *= by;
}

/* Every disc from its coefficients `final` (count, width). `reads` is the shift that is read where the picture has, times
   the cosine of the direction: a change of size, of the size of what tilts, of light across the picture, and what of the
   profile tilts besides. `found` (4, count): amplitude, distance from the start, size, oval; relative to the middle of
   the members where `is_relative`. */
int64_t ended_discs(const double *final, int64_t count, int64_t width, const double *origin, const double *start,
                    const uint8_t *members, const double *change, const double *reads, double limit, int64_t is_relative,
                    double *centres, double *found) {
    double *work = malloc((size_t)(2 * count) * sizeof *work), *others = work + count;
    if (!work) return -1;
    double *amplitude = found, *moved = found + count, *size = moved + count, *oval = size + count;
    int64_t number = 0;
    for (int64_t k = 0; k < count; k++) {
        const double *of = final + k * width;
        double safe = of[AMPLITUDE] > 0.1 ? of[AMPLITUDE] : 0.1, grown = of[SIZE] / safe, to[2];
        for (int axis = 0; axis < 2; axis++) {
            double tilt = of[TILT_X + axis] / safe;
            to[axis] = of[SHIFT_X + axis] / safe / (1.0 + reads[0] * grown) - tilt * grown * reads[1];
            to[axis] -= change[2 * k + axis] * reads[2] + tilt * reads[3];
        }
        clipped(to, 0.5);
        for (int axis = 0; axis < 2; axis++) to[axis] = origin[2 * k + axis] + to[axis] - start[2 * k + axis];
        clipped(to, limit);
        for (int axis = 0; axis < 2; axis++) centres[2 * k + axis] = start[2 * k + axis] + to[axis];
        amplitude[k] = of[AMPLITUDE], moved[k] = sqrt(to[0] * to[0] + to[1] * to[1]);
        size[k] = 1.0 + (grown < -0.5 ? -0.5 : grown > 0.5 ? 0.5 : grown);
        oval[k] = 2.0 * sqrt(of[OVAL_X] * of[OVAL_X] + of[OVAL_X + 1] * of[OVAL_X + 1]) / safe;
        if (members[k]) work[number] = amplitude[k], others[number++] = size[k];
    }
    if (is_relative && number) {
        double bright = fmax(middle(work, number), 1e-6), typical = middle(others, number);
        for (int64_t k = 0; k < count; k++) amplitude[k] /= bright, size[k] /= typical;
    }
    free(work);
    return number;
}
