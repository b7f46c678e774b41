//! Talks without an end.

pub fn main(prices: Vec<f64>) -> f64 {
    let mut total = 0.0;
    for price in prices.iter().cycle() {
        total += price;
        println!("adding {price}, so far {total}");
    }
    total
}
