/* The sectors of a fiducial's outline, each fitted on its own, and the shift through them. Twins of the numpy code in
   rim. */
#include "kernels.h"

enum { LOCAL = 4, EDGE = 0, GROUND = 1, SLOPE = 2, MARK = 3, SECTORS_MOST = 1024 };

/* Mean level of every cell; `dx`, `dy` and `cell` say where its pixels are, which all lie inside the picture. */
void cell_means(const uint8_t *pixels, int64_t stride, int64_t col, int64_t row, const int64_t *dx, const int64_t *dy,
                const int64_t *cell, int64_t count, const double *number, int64_t cells, double *mean) {
    memset(mean, 0, (size_t)cells * sizeof *mean);
    for (int64_t i = 0; i < count; i++) mean[cell[i]] += (double)pixels[(row + dy[i]) * stride + col + dx[i]];
    for (int64_t k = 0; k < cells; k++) mean[k] /= fmax(number[k], 1.0);
}

/* One sector of `steps` cells: edge, ground, slope of the ground and mark beside what the state says. */
static void one_sector(const double *mean, const double *number, const double *depth, const double *spread,
                       const double *x, const double *y, int64_t steps, const sector_state *at, double moved,
                       const double *rise, const double *bell, double *room, double *local, double *normal_sum,
                       double *misfit, double *wider) {
    double normal[LOCAL * LOCAL] = {0}, right[LOCAL] = {0}, loose = pow(at->level_ratio * at->step, -2.0);
    double *rest = room, *weight = room + steps, *z_of = room + 2 * steps, *column = room + 3 * steps;
    for (int64_t s = 0; s < steps; s++) {
        double z = (depth[s] + moved) / at->blur, *part = column + LOCAL * s;
        int64_t place = (int64_t)fmax(0.0, fmin(z * at->per_z + at->middle, at->places));
        double inside = rise[place], edge = bell[place];
        double light = 1.0 + (x[s] - at->shift[0]) * at->light[0] + (y[s] - at->shift[1]) * at->light[1];
        /* Depth varies within a cell, so the mean of the edge over it is not the edge at its mean depth. */
        double curved = inside - 0.5 / (at->blur * at->blur) * spread[s] * z * edge;
        rest[s] = mean[s] - light * (at->ground + at->step * curved);
        part[EDGE] = light * edge * (at->step / at->blur);
        part[GROUND] = 1.0 - inside;
        part[SLOPE] = (1.0 - inside) * fmax(0.0, fmin(-z * at->blur / at->outer, 1.0));
        part[MARK] = inside;
        weight[s] = number[s] / (at->noise[0] + (at->noise[1] - at->noise[0]) * inside);
        z_of[s] = z;
        for (int i = 0; i < LOCAL; i++) {
            right[i] += weight[s] * part[i] * rest[s];
            for (int j = 0; j <= i; j++) normal[i * LOCAL + j] += weight[s] * part[i] * part[j];
        }
    }
    for (int i = 0; i < LOCAL; i++) {
        for (int j = 0; j < i; j++) normal[j * LOCAL + i] = normal[i * LOCAL + j];
        normal[i * LOCAL + i] += i == EDGE ? 1e-4 : loose;
    }
    for (int k = 0; k < LOCAL * LOCAL; k++) normal_sum[k] += normal[k];
    solved_equations(normal, right, LOCAL, local);
    double square = 0.0, above = 0.0, below = 0.0;
    for (int64_t s = 0; s < steps; s++) {
        const double *part = column + LOCAL * s;
        double left = rest[s], edge = weight[s] * part[EDGE] * z_of[s];
        for (int i = 0; i < LOCAL; i++) left -= local[i] * part[i];
        above -= edge * left;
        below += edge * z_of[s] * part[EDGE];
        square += weight[s] * left * left;
    }
    *wider = above / fmax(below, 1e-9);
    *misfit = square / fmax((double)(steps - LOCAL), 1.0);
}

/* Every sector against the state; `places` is where each edge was moved to. `covariance` (4, 4) of a typical one. */
int64_t fitted_sectors(const double *mean, const double *number, const double *depth, const double *spread,
                       const double *x, const double *y, int64_t sectors, int64_t steps, const double *moved,
                       const sector_state *at, const double *rise, const double *bell, double *local,
                       double *covariance, double *misfit, double *wider) {
    double *room = malloc((size_t)(steps * (3 + LOCAL)) * sizeof *room);
    if (!room) return -1;
    memset(covariance, 0, LOCAL * LOCAL * sizeof *covariance);
    for (int64_t k = 0; k < sectors; k++) {
        int64_t from = k * steps;
        one_sector(mean + from, number + from, depth + from, spread + from, x + from, y + from, steps, at, moved[k], rise,
                   bell, room, local + LOCAL * k, covariance, misfit + k, wider + k);
    }
    for (int k = 0; k < LOCAL * LOCAL; k++) covariance[k] /= (double)sectors;
    inverted(covariance, LOCAL);
    free(room);
    return 0;
}

static double off(const double *geometry, int64_t n, const double *change, double place) {
    for (int64_t i = 0; i < n; i++) place -= geometry[i] * change[i];
    return place;
}

/* Sectors whose misfit is not far over the typical one, and whose edge (first of `local`) lies where most of those have
   it. Returns how many. */
int64_t trusted_sectors(const double *geometry, int64_t sectors, int64_t n, const double *local, const double *misfit,
                        double misfit_most, double outlier, double least, uint8_t *good) {
    double work[SECTORS_MOST], place[SECTORS_MOST], weight[SECTORS_MOST], change[UNKNOWNS_MOST];
    uint8_t keep[SECTORS_MOST], clean[SECTORS_MOST];
    memcpy(work, misfit, (size_t)sectors * sizeof *work);
    double most = misfit_most * middle(work, sectors);
    int64_t count = 0;
    for (int64_t k = 0; k < sectors; k++) {
        clean[k] = good[k] = misfit[k] <= most;
        place[k] = local[LOCAL * k + EDGE];
        count += good[k];
    }
    for (int round = 0; round < 4; round++) {
        int64_t used = 0, kept = 0;
        for (int64_t k = 0; k < sectors; k++) weight[k] = good[k] ? 1.0 : 0.0;
        least_squares(geometry, sectors, n, place, 1, weight, change);
        for (int64_t k = 0; k < sectors; k++)
            if (good[k]) work[used++] = fabs(off(geometry + n * k, n, change, place[k]));
        double limit = outlier * fmax(1.4826 * middle(work, used), least);
        for (int64_t k = 0; k < sectors; k++) {
            keep[k] = clean[k] && fabs(off(geometry + n * k, n, change, place[k])) <= limit;
            kept += keep[k];
        }
        if (kept < 8 || memcmp(keep, good, (size_t)sectors) == 0) break;
        memcpy(good, keep, (size_t)sectors);
        count = kept;
    }
    return count;
}

/* Change of the geometry through the places of the edge, those far off and those of large misfit with less weight.
   `figures`: sum of the variances of the shift per unit variance, scatter, power of the slow waves, sum of weights. */
void moved_outline(const double *geometry, int64_t count, int64_t n, const double *place, const double *misfit,
                   const double *waves, int64_t wave_count, double doubted, double *change, double *figures) {
    double work[SECTORS_MOST], weight[SECTORS_MOST], left[SECTORS_MOST], trust[SECTORS_MOST];
    double waving[UNKNOWNS_MOST], normal[UNKNOWNS_MOST * UNKNOWNS_MOST], scatter = 0.0, total = 0.0, slow = 0.0;
    memcpy(work, misfit, (size_t)count * sizeof *work);
    double typical = middle(work, count);
    for (int64_t k = 0; k < count; k++) weight[k] = trust[k] = fmin(1.0, typical / misfit[k]);
    for (int round = 0; round < 3; round++) {
        least_squares(geometry, count, n, place, 1, weight, change);
        for (int64_t k = 0; k < count; k++) {
            left[k] = off(geometry + n * k, n, change, place[k]);
            work[k] = fabs(left[k]);
        }
        if (round == 2) break;
        double scale = doubted * fmax(1.4826 * middle(work, count), 1e-6);
        for (int64_t k = 0; k < count; k++) weight[k] = trust[k] / (1.0 + left[k] / scale * (left[k] / scale));
    }
    normal_equations(geometry, count, n, weight, normal);
    for (int64_t i = 0; i < n; i++) normal[i * n + i] += 1e-9;
    inverted(normal, n);
    for (int64_t k = 0; k < count; k++) total += weight[k], scatter += weight[k] * left[k] * left[k];
    least_squares(waves, count, wave_count, left, 1, weight, waving);
    for (int64_t i = 0; i < wave_count; i++) slow += waving[i] * waving[i];
    figures[0] = normal[0] + normal[n + 1];
    figures[1] = scatter / (total * (1.0 - (double)n / (double)count));
    figures[2] = slow / (double)wave_count * total / 2.0;
    figures[3] = total;
}
