//! Chance that is the same for a seed, on every machine: integers, and of floating point only what IEEE 754 gives exactly.

use std::time::Duration;

use wasmill_model::Takes;

const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The finaliser of splitmix64 (Steele, Lea and Flood, 2014).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// One draw after the other: splitmix64.
#[derive(Default)]
pub(super) struct Chance(u64);

impl Chance {
    pub(super) fn new(seed: u64) -> Self {
        Chance(mix(seed.wrapping_add(GOLDEN)))
    }

    /// A number below this one; 0 where there is none.
    pub(super) fn below(&mut self, count: usize) -> usize {
        self.0 = self.0.wrapping_add(GOLDEN);
        // The product's high half is below `count`.
        ((u128::from(mix(self.0)) * count as u128) >> 64) as usize
    }
}

/// The draw of one seed for one thing, whatever else was drawn: a call takes as long in every order and under every strategy.
pub(super) fn draw(seed: u64, parts: &[u64]) -> u64 {
    parts.iter().fold(mix(seed.wrapping_add(GOLDEN)), |bits, part| mix(bits.wrapping_add(GOLDEN) ^ mix(*part)))
}

/// Tells contents apart, the same on every machine (FNV-1a).
pub(super) fn fold(bits: u64, bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(bits ^ 0xcbf2_9ce4_8422_2325, |bits, byte| (bits ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3))
}

/// A draw as a number from 0 to 1, which it does not reach.
pub(super) fn part(bits: u64) -> f64 {
    (bits >> 11) as f64 / (1_u64 << 53) as f64
}

/// About as long as this; in a run of thousand calls some take many times as long. A Pareto distribution with exponent 2, whose median is
/// `usual`, cut at a hundred times that.
pub(super) fn around(usual: Duration, bits: u64) -> Duration {
    let factor = (std::f64::consts::FRAC_1_SQRT_2 / (1.0 - part(bits)).sqrt()).min(100.0);
    usual.mul_f64(factor)
}

/// Anything in this range, most often near its lower end: a Pareto distribution with exponent 1, bounded on both sides.
pub(super) fn within(Takes { least, most }: Takes, bits: u64) -> Duration {
    if least >= most {
        return least;
    }
    let low = least.as_secs_f64().max(most.as_secs_f64() / 1_000.0);
    let drawn = low / (1.0 - part(bits) * (1.0 - low / most.as_secs_f64()));
    Duration::from_secs_f64(drawn).clamp(least, most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_draw_is_the_same_everywhere() {
        assert_eq!(draw(1, &[2, 3]), 1_032_062_303_527_754_036);
        assert_ne!(draw(1, &[2, 3]), draw(1, &[3, 2]));
        assert_ne!(draw(1, &[2, 3]), draw(2, &[2, 3]));
    }

    #[test]
    fn times_have_a_long_tail() {
        let mut times: Vec<Duration> =
            (0..10_000).map(|seed| around(Duration::from_millis(100), draw(seed, &[]))).collect();
        times.sort_unstable();
        let at = |part: usize| times[times.len() * part / 1_000].as_millis();
        assert!((95..106).contains(&at(500)), "{}", at(500));
        assert!((650..780).contains(&at(990)), "{}", at(990));
        assert!(times[0] >= Duration::from_millis(70) && times[9_999] <= Duration::from_secs(10));
    }

    #[test]
    fn a_range_is_kept_and_its_lower_end_is_likelier() {
        let takes = Takes { least: Duration::from_millis(50), most: Duration::from_secs(2) };
        let mut times: Vec<Duration> = (0..10_000).map(|seed| within(takes, draw(seed, &[]))).collect();
        times.sort_unstable();
        assert!(times[0] >= takes.least && times[9_999] <= takes.most);
        assert!((90..105).contains(&times[5_000].as_millis()), "{:?}", times[5_000]);
        assert!(times[9_999] > Duration::from_millis(1_500));
        let from_nothing = Takes { least: Duration::ZERO, ..takes };
        assert!((0..1_000).all(|seed| within(from_nothing, draw(seed, &[])) <= takes.most));
    }
}
