//! Loading units, and the cache of compiled code, from outside.

mod cache;
mod load;
