//! Changes of a conversation by request: what each role may do, and what is so already.
//!
//! A change that would change nothing is not an error, so that a request may be repeated; it makes no entry.

use longwave_model::{
    Content, ConversationKind, Created, ErrorCode, MemberChange, MemberEntry, Refusal, Role, Updated, UserId,
};

use crate::lane::conversation::Conversation;

/// What a request wants changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Change {
    /// The conversation begins.
    Create(Created),
    /// A user becomes a member; without a role it gets its kind's usual one.
    Add { user: UserId, role: Option<Role> },
    /// A user is a member no more. Removing oneself is leaving.
    Remove { user: UserId },
    /// The asker is a member no more.
    Leave,
    /// A member gets another role.
    SetRole { user: UserId, role: Role },
    /// Facts change.
    Update(Updated),
}

/// The entry that does it, or `None` when it is so already.
///
/// # Errors
/// The [`Refusal`].
pub(crate) fn change(
    conversation: &Conversation,
    actor: &UserId,
    change: &Change,
    group_members: usize,
) -> Result<Option<Content>, Refusal> {
    if let Change::Create(created) = change {
        return create(conversation, created, group_members).map(Some);
    }
    let Some(power) = conversation.role(actor) else {
        return Err(Refusal::new(ErrorCode::UnknownConversation, "there is no such conversation among this user's"));
    };
    if conversation.kind == ConversationKind::Direct {
        return Err(Refusal::new(ErrorCode::WrongKind, "a direct conversation cannot be changed"));
    }
    match change {
        Change::Create(_) => Ok(None),
        Change::Add { user, role } => add(conversation, power, user, *role, group_members),
        Change::Remove { user } if user == actor => leave(conversation, user, power),
        Change::Leave => leave(conversation, actor, power),
        Change::Remove { user } => remove(conversation, power, user),
        Change::SetRole { user, role } => set_role(conversation, power, user, *role),
        Change::Update(updated) => update(conversation, power, updated),
    }
}

fn create(conversation: &Conversation, created: &Created, group_members: usize) -> Result<Content, Refusal> {
    if conversation.exists() {
        return Err(Refusal::new(ErrorCode::ConversationExists, "a conversation of this name exists"));
    }
    if created.kind == ConversationKind::Direct {
        return Err(Refusal::new(ErrorCode::WrongKind, "a direct conversation begins with its first message"));
    }
    if created.kind == ConversationKind::Group && created.members.len() > group_members {
        return Err(full(group_members));
    }
    Ok(Content::Created(created.clone()))
}

fn add(
    conversation: &Conversation,
    power: Role,
    user: &UserId,
    role: Option<Role>,
    group_members: usize,
) -> Result<Option<Content>, Refusal> {
    require(power, Role::Admin)?;
    let usual = if conversation.kind == ConversationKind::Channel { Role::Reader } else { Role::Member };
    if conversation.role(user).is_some() {
        return Ok(None);
    }
    let role = role.unwrap_or(usual);
    if role >= Role::Admin {
        require(power, Role::Owner)?;
    }
    if conversation.kind == ConversationKind::Group && conversation.members().len() >= group_members {
        return Err(full(group_members));
    }
    Ok(Some(member(conversation, MemberChange::Added, user, role)))
}

fn remove(conversation: &Conversation, power: Role, user: &UserId) -> Result<Option<Content>, Refusal> {
    require(power, Role::Admin)?;
    let Some(role) = conversation.role(user) else {
        return Err(not_a_member());
    };
    if role >= Role::Admin {
        require(power, Role::Owner)?;
    }
    Ok(Some(member(conversation, MemberChange::Removed, user, role)))
}

fn leave(conversation: &Conversation, user: &UserId, role: Role) -> Result<Option<Content>, Refusal> {
    keep_an_owner(conversation, role, conversation.members().len() > 1)?;
    Ok(Some(member(conversation, MemberChange::Left, user, role)))
}

fn set_role(conversation: &Conversation, power: Role, user: &UserId, role: Role) -> Result<Option<Content>, Refusal> {
    require(power, Role::Admin)?;
    let Some(has) = conversation.role(user) else {
        return Err(not_a_member());
    };
    if has == role {
        return Ok(None);
    }
    if has >= Role::Admin || role >= Role::Admin {
        require(power, Role::Owner)?;
    }
    keep_an_owner(conversation, has, true)?;
    Ok(Some(member(conversation, MemberChange::Role, user, role)))
}

fn update(conversation: &Conversation, power: Role, updated: &Updated) -> Result<Option<Content>, Refusal> {
    require(power, Role::Admin)?;
    let mut updated = updated.clone();
    match updated.kind {
        Some(kind) if kind == conversation.kind => updated.kind = None,
        None | Some(ConversationKind::Channel) => {}
        Some(_) => return Err(Refusal::new(ErrorCode::WrongKind, "a channel stays one, also with few members")),
    }
    Ok((updated != Updated::default()).then_some(Content::Updated(updated)))
}

fn member(conversation: &Conversation, change: MemberChange, user: &UserId, role: Role) -> Content {
    Content::Member(MemberEntry { change, user: user.clone(), role, kind: conversation.kind })
}

fn require(power: Role, least: Role) -> Result<(), Refusal> {
    if power >= least {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorCode::RoleTooLow,
        format!("only {} may do this", if least == Role::Owner { "owners" } else { "owners and admins" }),
    ))
}

/// Refuses when an owner would go and leave others without one.
fn keep_an_owner(conversation: &Conversation, role: Role, others_remain: bool) -> Result<(), Refusal> {
    let owners = conversation.members().values().filter(|role| **role == Role::Owner).count();
    if role == Role::Owner && owners == 1 && others_remain {
        return Err(Refusal::new(ErrorCode::LastOwner, "make another member an owner first"));
    }
    Ok(())
}

fn not_a_member() -> Refusal {
    Refusal::new(ErrorCode::NotAMember, "the user is not a member")
}

fn full(limit: usize) -> Refusal {
    Refusal::new(ErrorCode::GroupFull, format!("a group has at most {limit} members; a channel may have more"))
}
