//! What each area of the world has: records in, records out, every field of a type that is checked.

use std::collections::{BTreeMap, BTreeSet};

pub struct Place {
    pub zone: String,
    pub countries: Vec<String>,
    pub latitude: f64,
}

pub struct Area {
    pub name: String,
    pub zones: usize,
    pub countries: usize,
    pub southernmost: String,
    pub northernmost: String,
}

pub fn main(places: Vec<Place>) -> Result<Vec<Area>, String> {
    let mut areas: BTreeMap<&str, Vec<&Place>> = BTreeMap::new();
    for place in &places {
        let (area, _) = place.zone.split_once('/').ok_or_else(|| format!("`{}` is in no area", place.zone))?;
        areas.entry(area).or_default().push(place);
    }
    Ok(areas.into_iter().map(|(name, places)| summary(name, places)).collect())
}

fn summary(name: &str, mut places: Vec<&Place>) -> Area {
    places.sort_by(|one, other| one.latitude.total_cmp(&other.latitude));
    let countries: BTreeSet<&str> = places.iter().flat_map(|place| &place.countries).map(String::as_str).collect();
    let city = |place: Option<&&Place>| place.map(|place| city_of(&place.zone)).unwrap_or_default();
    Area {
        name: name.to_owned(),
        zones: places.len(),
        countries: countries.len(),
        southernmost: city(places.first()),
        northernmost: city(places.last()),
    }
}

/// `America/Argentina/Rio_Gallegos` → `Rio Gallegos`
fn city_of(zone: &str) -> String {
    zone.rsplit('/').next().unwrap_or(zone).replace('_', " ")
}
