//! What must hold at each step: the functions are persistence's, which the contract of the backends and the model of the journal use too.

#[cfg(test)]
pub(crate) use longwave_persistence::invariant::fence_opens;
pub(crate) use longwave_persistence::invariant::{follows, is_dense, is_within};
