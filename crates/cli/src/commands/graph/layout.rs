//! Where the boxes stand: a layered drawing (Sugiyama, Tagawa and Toda 1981) with the levels of the plan as its layers.
//!
//! A line over several layers gets a place in each of them, so that it goes around the boxes there. The order within a layer comes from
//! sweeps by the barycentre of the neighbours, the coordinates from boxes that are drawn towards their neighbours.

/// Between boxes of a layer.
const GAP: f64 = 28.0;
/// Between layers.
const LAYER_GAP: f64 = 46.0;
/// The room of a line that passes a layer.
const LANE: f64 = 12.0;
/// Sweeps, up and down.
const SWEEPS: usize = 8;
/// More places than these are not made: very long lines of very large graphs go straight.
const MOST_LANES: usize = 20_000;

/// A box to be placed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Size {
    pub(super) layer: usize,
    pub(super) width: f64,
    pub(super) height: f64,
}

/// Where everything is.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The middle of each box.
    pub(super) boxes: Vec<(f64, f64)>,
    /// The points that each line passes, from the foot of the one box to the head of the other. Between the points that make a pair
    /// it runs straight down: there is a box beside it.
    pub(super) lines: Vec<Vec<(f64, f64)>>,
}

/// Something in a layer: a box, or the place of a line that passes.
#[derive(Clone, Debug)]
struct Place {
    width: f64,
    x: f64,
    above: Vec<usize>,
    below: Vec<usize>,
}

/// Places boxes; each line goes from a box to one of a later layer.
pub(super) fn lay_out(sizes: &[Size], lines: &[(usize, usize)]) -> Layout {
    let layer_of = |place: usize| sizes.get(place).map_or(0, |size| size.layer);
    let mut layers: Vec<Vec<usize>> = vec![Vec::new(); sizes.iter().map(|size| size.layer + 1).max().unwrap_or(0)];
    let mut places: Vec<Place> = Vec::with_capacity(sizes.len());
    for (place, size) in sizes.iter().enumerate() {
        places.push(Place { width: size.width, x: 0.0, above: Vec::new(), below: Vec::new() });
        if let Some(layer) = layers.get_mut(size.layer) {
            layer.push(place);
        }
    }
    let lanes: usize = lines.iter().map(|(from, to)| layer_of(*to).saturating_sub(layer_of(*from) + 1)).sum();
    let mut routes: Vec<Vec<usize>> = Vec::with_capacity(lines.len());
    for (from, to) in lines {
        let mut route = vec![*from];
        let passed = if lanes <= MOST_LANES { layer_of(*from) + 1..layer_of(*to) } else { 0..0 };
        for layer in passed {
            let lane = places.len();
            places.push(Place { width: LANE, x: 0.0, above: Vec::new(), below: Vec::new() });
            if let Some(layer) = layers.get_mut(layer) {
                layer.push(lane);
            }
            route.push(lane);
        }
        route.push(*to);
        for (above, below) in route.iter().zip(route.iter().skip(1)) {
            if let Some(place) = places.get_mut(*above) {
                place.below.push(*below);
            }
            if let Some(place) = places.get_mut(*below) {
                place.above.push(*above);
            }
        }
        routes.push(route);
    }
    order(&mut layers, &places);
    spread(&layers, &mut places);
    finish(sizes, &layers, &places, &routes)
}

/// Orders each layer by where the neighbours stand, so that fewer lines cross.
fn order(layers: &mut [Vec<usize>], places: &[Place]) {
    let mut rank = vec![0.0; places.len()];
    let note = |layer: &[usize], rank: &mut Vec<f64>| {
        for (at, place) in layer.iter().enumerate() {
            if let Some(rank) = rank.get_mut(*place) {
                // From the middle: layers differ in how many they hold.
                *rank = at as f64 - (layer.len() as f64 - 1.0) / 2.0;
            }
        }
    };
    layers.iter().for_each(|layer| note(layer, &mut rank));
    for sweep in 0..SWEEPS {
        let is_down = sweep % 2 == 0;
        let count = layers.len();
        for step in 0..count {
            let Some(layer) = layers.get_mut(if is_down { step } else { count - 1 - step }) else { continue };
            let wish = |place: usize| {
                let neighbours = places.get(place).map(|place| if is_down { &place.above } else { &place.below });
                mean(neighbours.into_iter().flatten().filter_map(|other| rank.get(*other).copied()))
                    .or_else(|| rank.get(place).copied())
                    .unwrap_or_default()
            };
            let mut wishes: Vec<(f64, usize)> = layer.iter().map(|place| (wish(*place), *place)).collect();
            // Stable: those that wish for the same stay as they are.
            wishes.sort_by(|one, other| one.0.total_cmp(&other.0));
            *layer = wishes.into_iter().map(|(_, place)| place).collect();
            note(layer, &mut rank);
        }
    }
}

/// Gives each place its x: towards the mean of its neighbours, with room kept between those of a layer.
fn spread(layers: &[Vec<usize>], places: &mut [Place]) {
    for layer in layers {
        let mut x = 0.0;
        for place in layer {
            if let Some(place) = places.get_mut(*place) {
                place.x = x + place.width / 2.0;
                x += place.width + GAP;
            }
        }
        let middle = (x - GAP) / 2.0;
        for place in layer {
            if let Some(place) = places.get_mut(*place) {
                place.x -= middle;
            }
        }
    }
    for sweep in 0..SWEEPS {
        let is_down = sweep % 2 == 0;
        for step in 0..layers.len() {
            let Some(layer) = layers.get(if is_down { step } else { layers.len() - 1 - step }) else { continue };
            let wish = |place: &Place| {
                let neighbours = if is_down { &place.above } else { &place.below };
                let all = if neighbours.is_empty() { &place.below } else { neighbours };
                let all = if all.is_empty() { &place.above } else { all };
                mean(all.iter().filter_map(|other| places.get(*other)).map(|other| other.x)).unwrap_or(place.x)
            };
            let wishes: Vec<(f64, f64)> =
                layer.iter().filter_map(|place| places.get(*place)).map(|place| (wish(place), place.width)).collect();
            for (place, x) in layer.iter().zip(settle(&wishes)) {
                if let Some(place) = places.get_mut(*place) {
                    place.x = x;
                }
            }
        }
    }
}

/// Places in this order, as near to where they wish to be as the room allows: those that push each other share the mean of their wishes
/// (pool adjacent violators).
fn settle(wishes: &[(f64, f64)]) -> Vec<f64> {
    /// Neighbours that touch: how many, the sum of where the first would have to be, and their length.
    struct Group {
        count: f64,
        sum: f64,
        length: f64,
        members: Vec<f64>,
    }
    let mut groups: Vec<Group> = Vec::new();
    for (wish, width) in wishes {
        let room = width + GAP;
        let mut group = Group { count: 1.0, sum: wish - width / 2.0, length: room, members: vec![*width] };
        while let Some(last) = groups.pop_if(|last| last.sum / last.count + last.length > group.sum / group.count) {
            group = Group {
                count: last.count + group.count,
                sum: last.sum + group.sum - group.count * last.length,
                length: last.length + group.length,
                members: [last.members, group.members].concat(),
            };
        }
        groups.push(group);
    }
    let mut settled = Vec::with_capacity(wishes.len());
    for group in groups {
        let mut left = group.sum / group.count;
        for width in group.members {
            settled.push(left + width / 2.0);
            left += width + GAP;
        }
    }
    settled
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (count, sum) = values.fold((0.0, 0.0), |(count, sum), value| (count + 1.0, sum + value));
    (count > 0.0).then(|| sum / count)
}

/// Moves everything to where coordinates are positive, and gives the layers their height.
fn finish(sizes: &[Size], layers: &[Vec<usize>], places: &[Place], routes: &[Vec<usize>]) -> Layout {
    let left = places.iter().map(|place| place.x - place.width / 2.0).fold(f64::INFINITY, f64::min);
    let right = places.iter().map(|place| place.x + place.width / 2.0).fold(f64::NEG_INFINITY, f64::max);
    let mut tops = Vec::with_capacity(layers.len());
    let mut height = 0.0;
    let mut layer_of = vec![0; places.len()];
    for (number, layer) in layers.iter().enumerate() {
        let tallest = layer.iter().filter_map(|place| sizes.get(*place)).map(|size| size.height).fold(0.0, f64::max);
        tops.push((height, tallest));
        height += tallest + LAYER_GAP;
        for place in layer {
            if let Some(slot) = layer_of.get_mut(*place) {
                *slot = number;
            }
        }
    }
    let x = |place: usize| places.get(place).map_or(0.0, |place| place.x - left);
    let band =
        |place: usize| layer_of.get(place).and_then(|layer: &usize| tops.get(*layer)).copied().unwrap_or_default();
    let boxes: Vec<(f64, f64)> = (0..sizes.len())
        .map(|place| {
            let (top, tallest) = band(place);
            (x(place), top + tallest / 2.0)
        })
        .collect();
    let lines = routes
        .iter()
        .map(|route| {
            let mut points = Vec::new();
            let last = route.len().saturating_sub(1);
            for (at, place) in route.iter().enumerate() {
                let (top, tallest) = band(*place);
                let half = sizes.get(*place).map_or(tallest, |size| size.height) / 2.0;
                let middle = top + tallest / 2.0;
                if at > 0 {
                    points.push((x(*place), middle - half));
                }
                if at < last {
                    points.push((x(*place), middle + half));
                }
            }
            points
        })
        .collect();
    let width = if places.is_empty() { 0.0 } else { right - left };
    Layout { width, height: (height - LAYER_GAP).max(0.0), boxes, lines }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(layer: usize) -> Size {
        Size { layer, width: 100.0, height: 40.0 }
    }

    #[test]
    fn boxes_of_a_layer_never_touch() {
        let sizes: Vec<Size> = [0, 0, 1, 1, 1, 2, 3].map(size).to_vec();
        let layout = lay_out(&sizes, &[(0, 2), (0, 3), (1, 4), (2, 5), (4, 5), (0, 6), (5, 6)]);
        for (one, place) in layout.boxes.iter().enumerate() {
            for (other, beside) in layout.boxes.iter().enumerate().skip(one + 1) {
                assert!(
                    sizes[one].layer != sizes[other].layer || (place.0 - beside.0).abs() >= 100.0 + GAP - 1e-6,
                    "{one} and {other}: {layout:?}"
                );
            }
        }
        assert!(layout.boxes.iter().all(|(x, y)| *x >= 50.0 - 1e-6 && *y >= 20.0 && *x <= layout.width - 50.0 + 1e-6));
    }

    #[test]
    fn a_long_line_passes_beside_the_boxes() {
        let sizes: Vec<Size> = [0, 1, 2].map(size).to_vec();
        let layout = lay_out(&sizes, &[(0, 1), (1, 2), (0, 2)]);
        let long = &layout.lines[2];
        assert_eq!(long.len(), 4);
        assert!((long[1].0 - layout.boxes[1].0).abs() >= 50.0 + LANE / 2.0, "{layout:?}");
    }

    #[test]
    fn a_straight_chain_is_straight() {
        let sizes: Vec<Size> = [0, 1, 2].map(size).to_vec();
        let layout = lay_out(&sizes, &[(0, 1), (1, 2)]);
        assert!(layout.boxes.iter().all(|(x, _)| (x - 50.0).abs() < 1e-9), "{layout:?}");
    }

    #[test]
    fn nothing_needs_no_room() {
        let layout = lay_out(&[], &[]);
        assert_eq!((layout.width, layout.height), (0.0, 0.0));
    }
}
