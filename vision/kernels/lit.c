/* Which part of a ball's profile the ring light makes, radius by radius. Twin of the numpy code in one_sided, which says
   what the parts are. */
#include "kernels.h"

/* `soft` is the matt light of a sphere through the point spread, at steps of soft_step; `level` is the profile at steps of
   `step` up to `count`, of which the first `face` show the ball. Into `lit` what tilts, into `open_parts` (4, count) what
   may be more or less of it, with the weights `sigma`. */
void lit_levels(const float *level, int64_t count, double step, const double *soft, int64_t soft_count,
                double soft_step, int64_t face, const lit_light *light, const double *sigma, float *lit,
                double *open_parts) {
    double *cap = open_parts, *core = cap + count, *leak = core + count, *stray = leak + count, fits = INFINITY;
    int64_t peak = 0;
    for (int64_t k = 1; k < face; k++) peak = level[k] > level[peak] ? k : peak;
    for (int64_t k = 0; k < count; k++) {
        double at = (double)k * step / soft_step;
        int64_t low = between(0, (int64_t)at, soft_count - 2);
        double between_them = soft[low] + (at - (double)low < 1.0 ? at - (double)low : 1.0) * (soft[low + 1] - soft[low]);
        cap[k] = between_them > 0.01 ? between_them : 0.01;
        if (k >= peak && k < face && (double)level[k] / cap[k] < fits) fits = (double)level[k] / cap[k];
    }
    if (!(fits > 0.0)) fits = 0.0;
    for (int64_t k = 0; k < count; k++) cap[k] *= fits;
    double middle_level = cap[0], wide = light->core * light->radius, spread = wide * wide + 2.0 * light->blur * light->blur;
    double bright = (double)peak * step > 0.1 * light->radius ? (double)peak * step : 0.1 * light->radius;
    for (int64_t k = 0; k < count; k++) {
        double radius = (double)k * step, beyond = 1.702 * (light->radius - radius) / light->blur;
        core[k] = middle_level * 2.0 * wide * wide / spread * exp(-(radius * radius) / spread);
        leak[k] = middle_level / (1.0 + exp(beyond < -30.0 ? -30.0 : beyond > 30.0 ? 30.0 : beyond));
        stray[k] = middle_level;
        double shown = cap[k] < (double)level[k] ? cap[k] : (double)level[k];
        double matt = light->followed * shown + (1.0 - light->followed) * (cap[k] - light->depth * core[k]);
        double z = radius * bright / (light->blur * light->blur), harmonic = z / (0.5 + sqrt(z * z + 2.25));
        lit[k] = (float)(((double)level[k] - matt * light->matt) * harmonic);
        for (int part = 0; part < 4; part++) open_parts[part * count + k] *= sigma[part] * harmonic;
    }
}
