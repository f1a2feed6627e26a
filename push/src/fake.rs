//! The three providers as servers on this machine.
