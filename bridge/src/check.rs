//! Who may do what in a conversation: pure decisions, asked by the lane at the moment at which a seq would be assigned.
//!
//! Nothing here reads a store. A conversation that the asker may not see is answered like one that does not exist.

use longwave_model::{ConversationId, ErrorCode, Refusal, Role, Seq, UserId};

use crate::lane::conversation::{Conversation, direct_users};

mod change;

pub(crate) use change::{Change, change};

/// Whether `sender` may send. A direct conversation that does not exist may be opened by sending.
///
/// # Errors
/// The [`Refusal`].
pub(crate) fn send(id: &ConversationId, conversation: &Conversation, sender: &UserId) -> Result<(), Refusal> {
    let Some(users) = direct_users(id) else {
        return match conversation.role(sender) {
            None => Err(not_a_member()),
            Some(Role::Reader) => Err(Refusal::new(ErrorCode::RoleTooLow, "readers of this conversation cannot send")),
            Some(_) => Ok(()),
        };
    };
    if !users.contains(sender) {
        return Err(not_a_member());
    }
    let (Some(direct), Some(peer)) = (&conversation.direct, users.iter().find(|user| *user != sender)) else {
        return Ok(());
    };
    if direct.blocked_by.contains(peer) {
        return Err(Refusal::new(ErrorCode::Blocked, "the other user has blocked this one"));
    }
    if conversation.exists() {
        return Ok(());
    }
    if direct.unknown.contains(peer) {
        return Err(Refusal::new(ErrorCode::UnknownPeer, "there is no such user"));
    }
    if !direct.may_open {
        return Err(Refusal::new(ErrorCode::DirectClosed, "this user cannot be written to first"));
    }
    Ok(())
}

/// Whether `user` may show that it types: in a conversation that exists, where it could send.
///
/// # Errors
/// The [`Refusal`].
pub(crate) fn typing(id: &ConversationId, conversation: &Conversation, user: &UserId) -> Result<(), Refusal> {
    if !conversation.exists() {
        return Err(not_a_member());
    }
    send(id, conversation, user)
}

/// Whether `user` may say that it has read up to `seq` (protocol rule 9).
///
/// # Errors
/// The [`Refusal`].
pub(crate) fn read(conversation: &Conversation, user: &UserId, seq: Seq) -> Result<(), Refusal> {
    if conversation.role(user).is_none() {
        return Err(not_a_member());
    }
    if seq == Seq::ZERO || seq > conversation.head {
        return Err(Refusal::new(
            ErrorCode::BadSeq,
            format!("the seq must be 1 to {}, the head of the conversation", conversation.head),
        ));
    }
    Ok(())
}

fn not_a_member() -> Refusal {
    Refusal::new(ErrorCode::NotAMember, "not a member, or there is no such conversation")
}

#[cfg(test)]
mod tests;
