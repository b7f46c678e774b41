// How far it is on the ellipsoid: Vincenty's inverse formula (Survey Review XXIII, 1975), on WGS 84.
#include <math.h>

#include "wasmill.h"

static const double EQUATOR = 6378.137; // kilometres
static const double FLATTENING = 1 / 298.257223563;
static const double DEGREE = 3.14159265358979323846 / 180;

// Between points that are almost opposite it does not converge.
static const int MOST_ROUNDS = 100;

// Kilometres.
double geodesic(double latitude1, double longitude1, double latitude2, double longitude2) {
  const double pole = EQUATOR * (1 - FLATTENING);
  const double u1 = atan((1 - FLATTENING) * tan(latitude1 * DEGREE));
  const double u2 = atan((1 - FLATTENING) * tan(latitude2 * DEGREE));
  const double l = (longitude2 - longitude1) * DEGREE;

  double lambda = l;
  for (int round = 0; round < MOST_ROUNDS; round++) {
    const double east = cos(u2) * sin(lambda);
    const double north = cos(u1) * sin(u2) - sin(u1) * cos(u2) * cos(lambda);
    const double sin_sigma = sqrt(east * east + north * north);
    if (sin_sigma == 0) {
      return 0;
    }
    const double cos_sigma = sin(u1) * sin(u2) + cos(u1) * cos(u2) * cos(lambda);
    const double sigma = atan2(sin_sigma, cos_sigma);
    const double sin_alpha = cos(u1) * cos(u2) * sin(lambda) / sin_sigma;
    const double cos2_alpha = 1 - sin_alpha * sin_alpha;
    // On the equator there is no such angle.
    const double cos_2m = cos2_alpha == 0 ? 0 : cos_sigma - 2 * sin(u1) * sin(u2) / cos2_alpha;
    const double c = FLATTENING / 16 * cos2_alpha * (4 + FLATTENING * (4 - 3 * cos2_alpha));
    const double before = lambda;
    lambda = l + (1 - c) * FLATTENING * sin_alpha
                   * (sigma + c * sin_sigma * (cos_2m + c * cos_sigma * (2 * cos_2m * cos_2m - 1)));
    if (fabs(lambda - before) < 1e-12) {
      const double k = cos2_alpha * (EQUATOR * EQUATOR - pole * pole) / (pole * pole);
      const double a = 1 + k / 16384 * (4096 + k * (-768 + k * (320 - 175 * k)));
      const double b = k / 1024 * (256 + k * (-128 + k * (74 - 47 * k)));
      const double sum = cos_sigma * (2 * cos_2m * cos_2m - 1)
                         - b / 6 * cos_2m * (4 * sin_sigma * sin_sigma - 3) * (4 * cos_2m * cos_2m - 3);
      return pole * a * (sigma - b * sin_sigma * (cos_2m + b / 4 * sum));
    }
  }
  WASMILL_FAIL("the points are almost opposite");
}
