// The report, as Markdown. What it is given are types: an editor knows every field, and so does whoever reads this.

interface Area {
  name: string;
  zones: number;
  countries: number;
  southernmost: string;
  northernmost: string;
}

interface Spread {
  least: number;
  quartile1: number;
  median: number;
  quartile3: number;
  most: number;
}

interface Remote {
  city: string;
  neighbour: string;
  kilometres: number;
}

interface Clock {
  city: string;
  offset: string;
  shows: string;
}

type Cell = string | number;

function table(heads: string[], rows: Cell[][]): string {
  const line = (cells: Cell[]): string => `| ${cells.join(" | ")} |`;
  const isNumber = (column: number): boolean => rows.every((row) => typeof row[column] === "number");
  return [line(heads), line(heads.map((_, column) => (isNumber(column) ? "---:" : "---"))), ...rows.map(line)].join("\n");
}

const percent = (part: number): string => `${(part * 100).toFixed(1)} %`;

export function main(
  areas: Area[],
  spread: Spread,
  remote: Remote[],
  geodesics: number[],
  clocks: Clock[],
  medianLatitude: number,
  northOfEquator: number,
): string {
  const zones = areas.reduce((sum, area) => sum + area.zones, 0);
  const rows = remote.map((one, index): Cell[] => {
    const clock = clocks[index];
    return [one.city, one.neighbour, one.kilometres, Math.round(geodesics[index] * 10) / 10, clock.offset, clock.shows];
  });
  return `# Where clocks are

${zones} time zones, ${percent(northOfEquator)} of them north of the equator; the median latitude is ${medianLatitude}°.

${table(
  ["area", "zones", "countries", "southernmost", "northernmost"],
  areas.map((area) => [area.name, area.zones, area.countries, area.southernmost, area.northernmost]),
)}

From a place to the nearest other one it is between ${spread.least} and ${spread.most} km, for half of them between ${spread.quartile1} \
and ${spread.quartile3} km, and in the median ${spread.median} km.

## The loneliest

${table(["place", "nearest", "km (sphere)", "km (ellipsoid)", "the sun's clock", "at noon in Greenwich"], rows)}
`;
}
