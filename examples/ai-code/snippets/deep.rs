//! Adds by calling itself, and forgets to stop.

fn add(prices: &[f64], place: usize) -> f64 {
    let price = prices[place % prices.len()];
    price + add(prices, place + 1)
}

pub fn main(prices: Vec<f64>) -> f64 {
    add(&prices, 0)
}
