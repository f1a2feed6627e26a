//! The log and the metrics: how the process speaks of itself.
//!
//! The parts of the product count in plain atomics of their own; an [`Exporter`] reads them when it is asked. So no part depends on
//! a metrics library, and counting costs one relaxed addition.

mod exporter;
mod log;

pub use exporter::{Exporter, Kind};
pub use log::{LogError, start_log};
