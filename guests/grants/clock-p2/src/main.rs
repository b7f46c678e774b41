//! Sleeps for an hour and says how long it took by both clocks, and what randomness gave. Promise: a virtual clock jumps over
//! sleeps, of WASI 0.2 too, and is the same for every run.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() {
    let began = Instant::now();
    let wall = SystemTime::now();
    thread::sleep(Duration::from_secs(3600));
    let year = 1970 + wall.duration_since(UNIX_EPOCH).unwrap().as_secs() / 31_556_952;
    let slept = began.elapsed().as_secs();
    let passed = wall.elapsed().unwrap().as_secs();
    // Its order depends on a random seed.
    let seen: HashMap<u32, ()> = (0..20).map(|number| (number, ())).collect();
    let order: Vec<String> = seen.keys().map(u32::to_string).collect();
    print!("{slept} {passed} {year} {}", order.join(","));
}
