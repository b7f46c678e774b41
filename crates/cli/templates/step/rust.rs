//! A step in Rust. Its parameters come from the pipeline's `with`, by name; what it returns is the step's output, as JSON.
//!
//! Next: write your own `main`, and `wasmill run` again. Types of your own need no annotation; `wasmill::Json` is data of any shape.

pub struct Bill {
    pub total: f64,
    pub each: f64,
    pub quantity: u32,
}

pub fn main(price: f64, quantity: u32) -> Result<Bill, String> {
    if quantity == 0 {
        // The step fails with these words.
        return Err("there is nothing to pay for".to_owned());
    }
    let total = (price * f64::from(quantity) * 100.0).round() / 100.0;
    // To the log, never into the output.
    println!("{quantity} at {price}");
    Ok(Bill { total, each: price, quantity })
}
