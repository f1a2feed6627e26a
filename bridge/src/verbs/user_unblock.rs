//! `user.unblock`: another user may write again.

use crate::core::{Core, Failure};
use crate::verbs::Asker;
use crate::verbs::user_block::{Outcome, Params, set};

pub(super) async fn perform(core: &Core, asker: &Asker, params: Params) -> Result<Outcome, Failure> {
    set(core, asker, &params, false).await
}
