//! Longwave as several processes on real engines, under load and faults: brokers and bridges that are killed, frozen, cut off and given wrong
//! clocks, one at a time and in pairs, and the engines below them.

mod dead;
mod engines;
mod faults;
mod node;
mod outage;
mod proxy;
mod rolling;
mod run;

pub use dead::{DeadRun, dead};
pub use engines::Engines;
pub use faults::Fault;
pub use outage::{OutageRun, outage};
pub use rolling::{RollingRun, RollingVerdict, rolling};
pub use run::{ClusterRun, ClusterVerdict, run};
