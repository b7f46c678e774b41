"""The table of time zones as places: a CSV dialect, an odd notation of coordinates, and a few figures of the standard library."""

import csv
import re
import statistics

# ISO 6709: ±DDMM±DDDMM or ±DDMMSS±DDDMMSS
COORDINATES = re.compile(r"([+-])(\d\d)(\d\d)(\d\d)?([+-])(\d{3})(\d\d)(\d\d)?")


def main(table: str) -> dict:
    lines = (line for line in table.splitlines() if line and not line.startswith("#"))
    places = [place(*row[:3]) for row in csv.reader(lines, delimiter="\t")]
    latitudes = [place["latitude"] for place in places]
    return {
        "places": places,
        "median_latitude": round(statistics.median(latitudes), 2),
        "north_of_equator": round(statistics.fmean(latitude > 0 for latitude in latitudes), 3),
    }


def place(countries: str, coordinates: str, zone: str) -> dict:
    found = COORDINATES.fullmatch(coordinates)
    if not found:
        raise ValueError(f"{zone}: `{coordinates}` are no coordinates")
    parts = found.groups()
    return {
        "zone": zone,
        "countries": countries.split(","),
        "latitude": degrees(*parts[:4]),
        "longitude": degrees(*parts[4:]),
    }


def degrees(sign: str, whole: str, minutes: str, seconds: str | None) -> float:
    value = int(whole) + int(minutes) / 60 + int(seconds or 0) / 3600
    return round(-value if sign == "-" else value, 6)
