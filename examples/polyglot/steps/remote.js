// The places that are farthest from any other: four answers become one list of rows.

/** `America/Argentina/Rio_Gallegos` → `Rio Gallegos` */
const city = (zone) => zone.split("/").at(-1).replaceAll("_", " ");

export function main({ places, nearest, solar, count = 10 }) {
  const { neighbours, kilometres } = nearest;
  return places
    .map(({ zone, latitude, longitude }, index) => {
      const neighbour = places[neighbours[index]];
      return {
        city: city(zone),
        neighbour: city(neighbour.zone),
        kilometres: kilometres[index],
        seconds: solar[index],
        from: { latitude, longitude },
        to: { latitude: neighbour.latitude, longitude: neighbour.longitude },
      };
    })
    .sort((one, other) => other.kilometres - one.kilometres || (one.city < other.city ? -1 : 1))
    .slice(0, count);
}
