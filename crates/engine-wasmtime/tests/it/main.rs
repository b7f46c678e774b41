//! The engine from outside: every promise of the contract, on the public API.

mod conformance;
mod contract;
mod units;
