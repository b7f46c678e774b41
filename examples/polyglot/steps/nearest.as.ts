// For every place the nearest other one: all pairs, on the sphere. A loop over arrays of numbers, compiled to just that.

/** Kilometres. */
const RADIUS: f64 = 6371.0088;
const DEGREE: f64 = Math.PI / 180;

class Nearest {
  /** For each place, which one it is. */
  neighbours: i32[];
  kilometres: f64[];
}

export function main(latitudes: f64[], longitudes: f64[]): Nearest {
  const count = latitudes.length;
  if (longitudes.length != count) throw new Error("as many longitudes as latitudes are needed");
  if (count < 2) throw new Error("one place has no neighbour");

  // As points on the unit sphere: a dot product each, and one arc cosine a place.
  const x = new Float64Array(count);
  const y = new Float64Array(count);
  const z = new Float64Array(count);
  for (let i = 0; i < count; i++) {
    const latitude = latitudes[i] * DEGREE;
    const longitude = longitudes[i] * DEGREE;
    x[i] = Math.cos(latitude) * Math.cos(longitude);
    y[i] = Math.cos(latitude) * Math.sin(longitude);
    z[i] = Math.sin(latitude);
  }

  const neighbours = new Array<i32>(count);
  const kilometres = new Array<f64>(count);
  for (let i = 0; i < count; i++) {
    let best: f64 = -2;
    for (let j = 0; j < count; j++) {
      const closeness = x[i] * x[j] + y[i] * y[j] + z[i] * z[j];
      if (j != i && closeness > best) {
        best = closeness;
        neighbours[i] = j;
      }
    }
    kilometres[i] = Math.round(RADIUS * Math.acos(Math.min(best, 1)) * 10) / 10;
  }
  return { neighbours, kilometres };
}
