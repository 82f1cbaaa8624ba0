//! placeholder

pub mod carriers;
