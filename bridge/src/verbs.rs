//! What can be requested. The contract is in `mqtt-topics.md`; each verb is a file, with its parameters and its result.
//!
//! Every verb may be repeated without harm, because a request whose response got lost is sent again.

use std::sync::Arc;

use longwave_model::{ConversationId, DeviceId, ErrorCode, Refusal, UserId};
use longwave_port::{Lease, Sender};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::core::{Core, Failure};
use crate::registers;
use crate::settings::UnknownPeers;

/// Who asks.
#[derive(Debug, Clone)]
pub(crate) struct Asker {
    /// The user in the topic, on whose behalf it is done.
    pub(crate) user: UserId,
    /// The device that asks; none for a service.
    pub(crate) device: Option<DeviceId>,
    /// The session.
    pub(crate) sender: Arc<Sender>,
    /// Whether who handed it over still waits for it, if another process did.
    pub(crate) lease: Option<Arc<dyn Lease>>,
}

/// A request that was done.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Done {
    pub(crate) result: Value,
    /// Unix time in milliseconds until which the connection may live now.
    pub(crate) renewed_until: Option<u64>,
}

macro_rules! verbs {
    ($($method:literal => $module:ident,)*) => {
        $(mod $module;)*

        /// The methods, by name.
        #[cfg(test)]
        pub(crate) const METHODS: &[&str] = &[$($method,)*];

        /// Does what is asked.
        pub(crate) async fn perform(core: &Core, asker: &Asker, method: &str, params: Value) -> Result<Done, Failure> {
            if asker.lease.as_ref().is_some_and(|lease| !lease.holds()) {
                return Err(Failure::Unknown);
            }
            match method {
                $($method => Ok(done($module::perform(core, asker, parse(params)?).await?)),)*
                "session.renew" => session_renew::perform(core, asker, parse(params)?).await,
                _ => Err(Refusal::new(ErrorCode::UnknownMethod, "there is no such method").into()),
            }
        }
    };
}

verbs! {
    "conversation.create" => conversation_create,
    "conversation.get" => conversation_get,
    "conversation.leave" => conversation_leave,
    "conversation.list" => conversation_list,
    "conversation.mute" => conversation_mute,
    "conversation.update" => conversation_update,
    "history.page" => history_page,
    "me.get" => me_get,
    "me.quiet_hours" => me_quiet_hours,
    "member.add" => member_add,
    "member.remove" => member_remove,
    "member.role" => member_role,
    "push.register" => push_register,
    "push.unregister" => push_unregister,
    "user.block" => user_block,
    "user.unblock" => user_unblock,
}
mod session_renew;

/// The result of a change.
#[derive(Debug, Serialize)]
struct AtSeq {
    seq: u64,
}

fn done(result: impl Serialize) -> Done {
    // Results are plain structs of texts and numbers, which always have a JSON form.
    Done { result: serde_json::to_value(result).unwrap_or_default(), renewed_until: None }
}

fn parse<T: DeserializeOwned>(params: Value) -> Result<T, Refusal> {
    serde_json::from_value(params).map_err(|error| bad_params(error.to_string()))
}

fn bad_params(reason: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::new(ErrorCode::BadParams, reason)
}

fn user_of(text: &str) -> Result<UserId, Refusal> {
    UserId::parse(text).map_err(|error| bad_params(format!("a user id {error}")))
}

fn conversation_of(conv: &str, asker: &Asker) -> Result<ConversationId, Refusal> {
    ConversationId::resolve(conv, &asker.user).map_err(|error| bad_params(format!("conv {error}")))
}

fn unknown_conversation() -> Refusal {
    Refusal::new(ErrorCode::UnknownConversation, "there is no such conversation among this user's")
}

/// Refuses a user of whom nothing is known, where users have to be known.
async fn require_known(core: &Core, user: &UserId) -> Result<(), Failure> {
    if core.settings.unknown_peers == UnknownPeers::Refused && !registers::is_known(&*core.store, user).await? {
        return Err(Refusal::new(ErrorCode::UnknownPeer, format!("there is no user {user}")).into());
    }
    Ok(())
}

#[cfg(test)]
mod tests;
